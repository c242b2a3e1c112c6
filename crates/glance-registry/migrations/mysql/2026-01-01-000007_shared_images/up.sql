-- The images that others share with a tenant, one row for each: what a list of theirs is read from, in each order,
-- without a look at any other image. Sort keys are copied from the image, and so are the types and collations of the
-- columns, by which others of the same list are sorted. Triggers keep it, so that it is right whoever writes, Glance
-- included, which ignores it.
--
-- Whoever adds or removes a member locks the image's row in the trigger before it touches these rows, and what a
-- trigger reads it locks: so it is what the last one left, at READ COMMITTED as at REPEATABLE READ, which is Glance's.
--
-- What is there already is made anew: nothing of this is undone where a part is refused.
DROP TRIGGER IF EXISTS shared_images_added;
DROP TRIGGER IF EXISTS shared_images_changed;
DROP TRIGGER IF EXISTS shared_images_purged;
DROP TRIGGER IF EXISTS shared_images_sorted;
DROP TRIGGER IF EXISTS shared_images_gone;
DROP TABLE IF EXISTS shared_images;
CREATE TABLE shared_images (
    PRIMARY KEY (member, image_id),
    KEY ix_shared_images_image_id (image_id),
    KEY ix_shared_created_at (member, created_at, image_id),
    KEY ix_shared_updated_at (member, updated_at, created_at, image_id),
    KEY ix_shared_name (member, name, created_at, image_id),
    KEY ix_shared_status (member, status, created_at, image_id),
    KEY ix_shared_container_format (member, container_format, created_at, image_id),
    KEY ix_shared_disk_format (member, disk_format, created_at, image_id),
    KEY ix_shared_size (member, size, created_at, image_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 ROW_FORMAT=DYNAMIC
    SELECT m.member, i.id AS image_id, i.name, i.status, i.container_format, i.disk_format, i.size, i.created_at,
        i.updated_at
    FROM image_members m JOIN images i ON i.id = m.image_id LIMIT 0;

CREATE TRIGGER shared_images_added AFTER INSERT ON image_members FOR EACH ROW
BEGIN
    IF NEW.deleted = 0 THEN
        INSERT INTO shared_images
            (member, image_id, name, status, container_format, disk_format, size, created_at, updated_at)
            SELECT NEW.member, i.id, i.name, i.status, i.container_format, i.disk_format, i.size, i.created_at,
                i.updated_at
            FROM images i
            WHERE i.id = NEW.image_id AND i.visibility = 'shared' AND i.deleted = 0 AND NOT (i.owner <=> NEW.member)
            LOCK IN SHARE MODE
            ON DUPLICATE KEY UPDATE shared_images.image_id = shared_images.image_id;
    END IF;
END;
-- A table that Glance wrote may hold a membership twice: the other one may still be there.
CREATE TRIGGER shared_images_changed AFTER UPDATE ON image_members FOR EACH ROW
BEGIN
    DECLARE found INTEGER;
    IF NOT (NEW.deleted = OLD.deleted AND NEW.member = OLD.member AND NEW.image_id = OLD.image_id) THEN
        IF OLD.deleted = 0 THEN
            SELECT COUNT(*) INTO found FROM images i WHERE i.id = OLD.image_id LOCK IN SHARE MODE;
            SELECT COUNT(*) INTO found FROM image_members m
                WHERE m.image_id = OLD.image_id AND m.member = OLD.member AND m.deleted = 0 LOCK IN SHARE MODE;
            IF found = 0 THEN
                DELETE FROM shared_images WHERE member = OLD.member AND image_id = OLD.image_id;
            END IF;
        END IF;
        IF NEW.deleted = 0 THEN
            INSERT INTO shared_images
                (member, image_id, name, status, container_format, disk_format, size, created_at, updated_at)
                SELECT NEW.member, i.id, i.name, i.status, i.container_format, i.disk_format, i.size, i.created_at,
                    i.updated_at
                FROM images i
                WHERE i.id = NEW.image_id AND i.visibility = 'shared' AND i.deleted = 0 AND NOT (i.owner <=> NEW.member)
                LOCK IN SHARE MODE
                ON DUPLICATE KEY UPDATE shared_images.image_id = shared_images.image_id;
        END IF;
    END IF;
END;
CREATE TRIGGER shared_images_purged AFTER DELETE ON image_members FOR EACH ROW
BEGIN
    DECLARE found INTEGER;
    IF OLD.deleted = 0 THEN
        SELECT COUNT(*) INTO found FROM images i WHERE i.id = OLD.image_id LOCK IN SHARE MODE;
        SELECT COUNT(*) INTO found FROM image_members m
            WHERE m.image_id = OLD.image_id AND m.member = OLD.member AND m.deleted = 0 LOCK IN SHARE MODE;
        IF found = 0 THEN
            DELETE FROM shared_images WHERE member = OLD.member AND image_id = OLD.image_id;
        END IF;
    END IF;
END;
CREATE TRIGGER shared_images_sorted AFTER UPDATE ON images FOR EACH ROW
BEGIN
    IF OLD.visibility = 'shared' OR NEW.visibility = 'shared' THEN
        IF NOT (NEW.visibility = OLD.visibility AND NEW.deleted = OLD.deleted AND NEW.owner <=> OLD.owner) THEN
            DELETE FROM shared_images WHERE image_id = NEW.id;
            IF NEW.visibility = 'shared' AND NEW.deleted = 0 THEN
                INSERT INTO shared_images
                    (member, image_id, name, status, container_format, disk_format, size, created_at, updated_at)
                    SELECT m.member, NEW.id, NEW.name, NEW.status, NEW.container_format, NEW.disk_format, NEW.size,
                        NEW.created_at, NEW.updated_at
                    FROM image_members m
                    WHERE m.image_id = NEW.id AND m.deleted = 0 AND NOT (m.member <=> NEW.owner)
                    LOCK IN SHARE MODE
                    ON DUPLICATE KEY UPDATE shared_images.image_id = shared_images.image_id;
            END IF;
        ELSEIF NEW.deleted = 0 THEN
            UPDATE shared_images SET name = NEW.name, status = NEW.status, container_format = NEW.container_format,
                disk_format = NEW.disk_format, size = NEW.size, created_at = NEW.created_at,
                updated_at = NEW.updated_at
                WHERE image_id = NEW.id;
        END IF;
    END IF;
END;
CREATE TRIGGER shared_images_gone AFTER DELETE ON images FOR EACH ROW
BEGIN
    IF OLD.visibility = 'shared' THEN
        DELETE FROM shared_images WHERE image_id = OLD.id;
    END IF;
END;

INSERT INTO shared_images (member, image_id, name, status, container_format, disk_format, size, created_at, updated_at)
    SELECT m.member, i.id, i.name, i.status, i.container_format, i.disk_format, i.size, i.created_at, i.updated_at
    FROM image_members m JOIN images i ON i.id = m.image_id
    WHERE m.deleted = 0 AND i.visibility = 'shared' AND i.deleted = 0 AND NOT (i.owner <=> m.member)
    LOCK IN SHARE MODE
    ON DUPLICATE KEY UPDATE shared_images.image_id = shared_images.image_id;
