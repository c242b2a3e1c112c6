-- The images that others share with a tenant, one row for each: what a list of theirs is read from, in each order,
-- without a look at any other image. Sort keys are copied from the image. Triggers keep it, so that it is right whoever
-- writes, Glance included, which ignores it. Triggers have no conflict clause: that of the statement outside would hold.
--
-- What is there already is made anew.
DROP TRIGGER IF EXISTS shared_images_added;
DROP TRIGGER IF EXISTS shared_images_restored;
DROP TRIGGER IF EXISTS shared_images_removed;
DROP TRIGGER IF EXISTS shared_images_purged;
DROP TRIGGER IF EXISTS shared_images_touched;
DROP TRIGGER IF EXISTS shared_images_sorted;
DROP TRIGGER IF EXISTS shared_images_turned;
DROP TRIGGER IF EXISTS shared_images_gone;
DROP TABLE IF EXISTS shared_images;
CREATE TABLE shared_images (
    member VARCHAR(255) NOT NULL,
    image_id VARCHAR(36) NOT NULL,
    name VARCHAR(255),
    status VARCHAR(30) NOT NULL,
    container_format VARCHAR(20),
    disk_format VARCHAR(20),
    size INTEGER,
    created_at DATETIME NOT NULL,
    updated_at DATETIME,
    PRIMARY KEY (member, image_id)
) WITHOUT ROWID;
INSERT INTO shared_images (member, image_id, name, status, container_format, disk_format, size, created_at, updated_at)
    SELECT DISTINCT m.member, i.id, i.name, i.status, i.container_format, i.disk_format, i.size, i.created_at, i.updated_at
    FROM image_members m JOIN images i ON i.id = m.image_id
    WHERE m.deleted = 0 AND i.visibility = 'shared' AND i.deleted = 0 AND i.owner IS NOT m.member;
CREATE INDEX ix_shared_images_image_id ON shared_images (image_id);
CREATE INDEX ix_shared_created_at ON shared_images (member, created_at, image_id);
CREATE INDEX ix_shared_updated_at ON shared_images (member, updated_at, created_at, image_id);
CREATE INDEX ix_shared_name ON shared_images (member, name, created_at, image_id);
CREATE INDEX ix_shared_status ON shared_images (member, status, created_at, image_id);
CREATE INDEX ix_shared_container_format ON shared_images (member, container_format, created_at, image_id);
CREATE INDEX ix_shared_disk_format ON shared_images (member, disk_format, created_at, image_id);
CREATE INDEX ix_shared_size ON shared_images (member, size, created_at, image_id);

CREATE TRIGGER shared_images_added AFTER INSERT ON image_members
WHEN NEW.deleted = 0
BEGIN
    INSERT INTO shared_images
        (member, image_id, name, status, container_format, disk_format, size, created_at, updated_at)
        SELECT NEW.member, i.id, i.name, i.status, i.container_format, i.disk_format, i.size, i.created_at, i.updated_at
        FROM images i
        WHERE i.id = NEW.image_id AND i.visibility = 'shared' AND +i.deleted = 0 AND i.owner IS NOT NEW.member
        AND NOT EXISTS (SELECT 1 FROM shared_images s WHERE s.member = NEW.member AND s.image_id = NEW.image_id);
END;
CREATE TRIGGER shared_images_restored AFTER UPDATE OF image_id, member, deleted ON image_members
WHEN NEW.deleted = 0
    AND (OLD.deleted <> 0 OR NEW.member <> OLD.member OR NEW.image_id <> OLD.image_id)
BEGIN
    INSERT INTO shared_images
        (member, image_id, name, status, container_format, disk_format, size, created_at, updated_at)
        SELECT NEW.member, i.id, i.name, i.status, i.container_format, i.disk_format, i.size, i.created_at, i.updated_at
        FROM images i
        WHERE i.id = NEW.image_id AND i.visibility = 'shared' AND +i.deleted = 0 AND i.owner IS NOT NEW.member
        AND NOT EXISTS (SELECT 1 FROM shared_images s WHERE s.member = NEW.member AND s.image_id = NEW.image_id);
END;
-- A table that Glance wrote may hold a membership twice: the other one may still be there.
CREATE TRIGGER shared_images_removed AFTER UPDATE OF image_id, member, deleted ON image_members
WHEN OLD.deleted = 0
    AND (NEW.deleted <> 0 OR NEW.member <> OLD.member OR NEW.image_id <> OLD.image_id)
BEGIN
    DELETE FROM shared_images
        WHERE member = OLD.member AND image_id = OLD.image_id
        AND NOT EXISTS (SELECT 1 FROM image_members m
            WHERE m.image_id = OLD.image_id AND m.member = OLD.member AND +m.deleted = 0);
END;
CREATE TRIGGER shared_images_purged AFTER DELETE ON image_members
WHEN OLD.deleted = 0
BEGIN
    DELETE FROM shared_images
        WHERE member = OLD.member AND image_id = OLD.image_id
        AND NOT EXISTS (SELECT 1 FROM image_members m
            WHERE m.image_id = OLD.image_id AND m.member = OLD.member AND +m.deleted = 0);
END;

-- Every change of an image sets updated_at, most nothing else here. An index is written for each column that an UPDATE
-- names, whether it has another value or not.
CREATE TRIGGER shared_images_touched AFTER UPDATE OF updated_at ON images
WHEN NEW.visibility = 'shared' AND NEW.deleted = 0 AND NEW.updated_at IS NOT OLD.updated_at
BEGIN
    UPDATE shared_images SET updated_at = NEW.updated_at WHERE image_id = NEW.id;
END;
CREATE TRIGGER shared_images_sorted
AFTER UPDATE OF name, status, container_format, disk_format, size, created_at ON images
WHEN NEW.visibility = 'shared' AND NEW.deleted = 0 AND (NEW.name IS NOT OLD.name OR NEW.status IS NOT OLD.status
    OR NEW.container_format IS NOT OLD.container_format OR NEW.disk_format IS NOT OLD.disk_format
    OR NEW.size IS NOT OLD.size OR NEW.created_at IS NOT OLD.created_at)
BEGIN
    UPDATE shared_images SET name = NEW.name, status = NEW.status, container_format = NEW.container_format,
        disk_format = NEW.disk_format, size = NEW.size, created_at = NEW.created_at
        WHERE image_id = NEW.id;
END;
CREATE TRIGGER shared_images_turned AFTER UPDATE OF visibility, deleted, owner ON images
WHEN (OLD.visibility = 'shared' OR NEW.visibility = 'shared') AND (NEW.visibility <> OLD.visibility
    OR NEW.deleted <> OLD.deleted OR NEW.owner IS NOT OLD.owner)
BEGIN
    DELETE FROM shared_images WHERE image_id = NEW.id;
    INSERT INTO shared_images
        (member, image_id, name, status, container_format, disk_format, size, created_at, updated_at)
        SELECT DISTINCT m.member, NEW.id, NEW.name, NEW.status, NEW.container_format, NEW.disk_format, NEW.size,
            NEW.created_at, NEW.updated_at
        FROM image_members m
        WHERE NEW.visibility = 'shared' AND NEW.deleted = 0
        AND m.image_id = NEW.id AND +m.deleted = 0 AND m.member IS NOT NEW.owner;
END;
CREATE TRIGGER shared_images_gone AFTER DELETE ON images
WHEN OLD.visibility = 'shared'
BEGIN
    DELETE FROM shared_images WHERE image_id = OLD.id;
END;
