-- What keeps a list's cost the same at any number of images: one index for each sort key, once by
-- visibility (public lists, and the administrator's) and once by owner (a tenant's own images that are
-- not public). MySQL has no indexes of a part of a table. Glance ignores these indexes. Each table is
-- altered in one go, so that nothing is half done. That was done already where
-- somebody killed the program that waited for it: the server goes on, and nobody notes the migration.
SET @change = (
    SELECT IF(COUNT(*) > 0, 'DO 0', 'ALTER TABLE images
    ADD INDEX ix_list_visible_created_at (visibility, deleted, created_at, id),
    ADD INDEX ix_list_own_created_at (owner, deleted, created_at, id, visibility),
    ADD INDEX ix_list_visible_updated_at (visibility, deleted, updated_at, created_at, id),
    ADD INDEX ix_list_own_updated_at (owner, deleted, updated_at, created_at, id, visibility),
    ADD INDEX ix_list_visible_name (visibility, deleted, name, created_at, id),
    ADD INDEX ix_list_own_name (owner, deleted, name, created_at, id, visibility),
    ADD INDEX ix_list_visible_status (visibility, deleted, status, created_at, id),
    ADD INDEX ix_list_own_status (owner, deleted, status, created_at, id, visibility),
    ADD INDEX ix_list_visible_container_format (visibility, deleted, container_format, created_at, id),
    ADD INDEX ix_list_own_container_format (owner, deleted, container_format, created_at, id, visibility),
    ADD INDEX ix_list_visible_disk_format (visibility, deleted, disk_format, created_at, id),
    ADD INDEX ix_list_own_disk_format (owner, deleted, disk_format, created_at, id, visibility),
    ADD INDEX ix_list_visible_size (visibility, deleted, size, created_at, id),
    ADD INDEX ix_list_own_size (owner, deleted, size, created_at, id, visibility),
    ADD INDEX ix_list_visible_id (visibility, deleted, id),
    ADD INDEX ix_list_own_id (owner, deleted, id, visibility),
    ADD INDEX ix_recovery_pending (status, updated_at),
    ADD INDEX ix_recovery_deleted (status, deleted, updated_at)')
    FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'images' AND index_name = 'ix_list_visible_created_at'
);
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
