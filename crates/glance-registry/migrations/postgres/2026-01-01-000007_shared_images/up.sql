-- The images that others share with a tenant, one row for each: what a list of theirs is read from, in each order,
-- without a look at any other image. Sort keys are copied from the image. Triggers keep it, so that it is right whoever
-- writes, Glance included, which ignores it.
--
-- Who changes an image, or who its members are, holds a lock on the image's row: a trigger of image_members takes
-- it, and what is read after that is what the last one left. So it is at READ COMMITTED, which Glance uses as well.
--
-- What is there already is made anew.
LOCK TABLE images, image_members IN SHARE ROW EXCLUSIVE MODE;
DROP FUNCTION IF EXISTS shared_images_joined() CASCADE;
DROP FUNCTION IF EXISTS shared_images_left() CASCADE;
DROP FUNCTION IF EXISTS shared_images_sorted() CASCADE;
DROP FUNCTION IF EXISTS shared_images_turned() CASCADE;
DROP FUNCTION IF EXISTS shared_images_gone() CASCADE;
DROP TABLE IF EXISTS shared_images;
CREATE TABLE shared_images (
    member VARCHAR(255) NOT NULL,
    image_id VARCHAR(36) NOT NULL,
    name VARCHAR(256),
    status VARCHAR(30) NOT NULL,
    container_format VARCHAR(20),
    disk_format VARCHAR(20),
    size BIGINT,
    created_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITHOUT TIME ZONE,
    PRIMARY KEY (member, image_id)
);
INSERT INTO shared_images (member, image_id, name, status, container_format, disk_format, size, created_at, updated_at)
    SELECT DISTINCT m.member, i.id, i.name, i.status, i.container_format, i.disk_format, i.size, i.created_at, i.updated_at
    FROM image_members m JOIN images i ON i.id = m.image_id
    WHERE NOT m.deleted AND i.visibility = 'shared' AND NOT i.deleted AND i.owner IS DISTINCT FROM m.member;
CREATE INDEX ix_shared_images_image_id ON shared_images (image_id);
CREATE INDEX ix_shared_created_at ON shared_images (member, created_at, image_id);
CREATE INDEX ix_shared_updated_at ON shared_images (member, updated_at NULLS FIRST, created_at, image_id);
CREATE INDEX ix_shared_name ON shared_images (member, name NULLS FIRST, created_at, image_id);
CREATE INDEX ix_shared_status ON shared_images (member, status, created_at, image_id);
CREATE INDEX ix_shared_container_format ON shared_images (member, container_format NULLS FIRST, created_at, image_id);
CREATE INDEX ix_shared_disk_format ON shared_images (member, disk_format NULLS FIRST, created_at, image_id);
CREATE INDEX ix_shared_size ON shared_images (member, size NULLS FIRST, created_at, image_id);
ANALYZE shared_images;

-- Glance may be another user, to whom our table was not granted: they run as the user that made them.
CREATE FUNCTION shared_images_joined() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM 1 FROM images i WHERE i.id = NEW.image_id FOR NO KEY UPDATE;
    INSERT INTO shared_images
        (member, image_id, name, status, container_format, disk_format, size, created_at, updated_at)
        SELECT NEW.member, i.id, i.name, i.status, i.container_format, i.disk_format, i.size, i.created_at, i.updated_at
        FROM images i
        WHERE i.id = NEW.image_id AND i.visibility = 'shared' AND NOT i.deleted AND i.owner IS DISTINCT FROM NEW.member
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
-- A table that Glance wrote may hold a membership twice: the other one may still be there.
CREATE FUNCTION shared_images_left() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM 1 FROM images i WHERE i.id = OLD.image_id FOR NO KEY UPDATE;
    DELETE FROM shared_images s
        WHERE s.member = OLD.member AND s.image_id = OLD.image_id
        AND NOT EXISTS (SELECT 1 FROM image_members m
            WHERE m.image_id = OLD.image_id AND m.member = OLD.member AND NOT m.deleted);
    RETURN NULL;
END $$;
CREATE FUNCTION shared_images_sorted() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE shared_images SET name = NEW.name, status = NEW.status, container_format = NEW.container_format,
        disk_format = NEW.disk_format, size = NEW.size, created_at = NEW.created_at, updated_at = NEW.updated_at
        WHERE image_id = NEW.id;
    RETURN NULL;
END $$;
CREATE FUNCTION shared_images_turned() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM shared_images WHERE image_id = NEW.id;
    IF NEW.visibility = 'shared' AND NOT NEW.deleted THEN
        INSERT INTO shared_images
            (member, image_id, name, status, container_format, disk_format, size, created_at, updated_at)
            SELECT DISTINCT m.member, NEW.id, NEW.name, NEW.status, NEW.container_format, NEW.disk_format, NEW.size,
                NEW.created_at, NEW.updated_at
            FROM image_members m
            WHERE m.image_id = NEW.id AND NOT m.deleted AND m.member IS DISTINCT FROM NEW.owner;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION shared_images_gone() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM shared_images WHERE image_id = OLD.id;
    RETURN NULL;
END $$;

CREATE TRIGGER shared_images_added AFTER INSERT ON image_members
    FOR EACH ROW WHEN (NOT NEW.deleted)
    EXECUTE PROCEDURE shared_images_joined();
CREATE TRIGGER shared_images_restored AFTER UPDATE OF image_id, member, deleted ON image_members
    FOR EACH ROW WHEN (NOT NEW.deleted
        AND (OLD.deleted OR NEW.member <> OLD.member OR NEW.image_id <> OLD.image_id))
    EXECUTE PROCEDURE shared_images_joined();
CREATE TRIGGER shared_images_removed AFTER UPDATE OF image_id, member, deleted ON image_members
    FOR EACH ROW WHEN (NOT OLD.deleted
        AND (NEW.deleted OR NEW.member <> OLD.member OR NEW.image_id <> OLD.image_id))
    EXECUTE PROCEDURE shared_images_left();
CREATE TRIGGER shared_images_purged AFTER DELETE ON image_members
    FOR EACH ROW WHEN (NOT OLD.deleted)
    EXECUTE PROCEDURE shared_images_left();
CREATE TRIGGER shared_images_sorted
    AFTER UPDATE OF name, status, container_format, disk_format, size, created_at, updated_at ON images
    FOR EACH ROW WHEN (NEW.visibility = 'shared' AND NOT NEW.deleted
        AND (NEW.updated_at, NEW.name, NEW.status, NEW.container_format, NEW.disk_format, NEW.size, NEW.created_at)
            IS DISTINCT FROM
            (OLD.updated_at, OLD.name, OLD.status, OLD.container_format, OLD.disk_format, OLD.size, OLD.created_at))
    EXECUTE PROCEDURE shared_images_sorted();
CREATE TRIGGER shared_images_turned AFTER UPDATE OF visibility, deleted, owner ON images
    FOR EACH ROW WHEN ((OLD.visibility = 'shared' OR NEW.visibility = 'shared')
        AND (NEW.visibility, NEW.deleted, NEW.owner) IS DISTINCT FROM (OLD.visibility, OLD.deleted, OLD.owner))
    EXECUTE PROCEDURE shared_images_turned();
CREATE TRIGGER shared_images_gone AFTER DELETE ON images
    FOR EACH ROW WHEN (OLD.visibility = 'shared')
    EXECUTE PROCEDURE shared_images_gone();
