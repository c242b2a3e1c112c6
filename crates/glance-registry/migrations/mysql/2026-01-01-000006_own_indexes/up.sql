-- A walk through a tenant's own images begins at those of one visibility, not at the public ones, which it
-- would have to pass over: there are no partial indexes here.
ALTER TABLE images
    DROP INDEX ix_list_own_created_at,
    ADD INDEX ix_list_own_created_at (owner, deleted, visibility, created_at, id),
    DROP INDEX ix_list_own_updated_at,
    ADD INDEX ix_list_own_updated_at (owner, deleted, visibility, updated_at, created_at, id),
    DROP INDEX ix_list_own_name,
    ADD INDEX ix_list_own_name (owner, deleted, visibility, name, created_at, id),
    DROP INDEX ix_list_own_status,
    ADD INDEX ix_list_own_status (owner, deleted, visibility, status, created_at, id),
    DROP INDEX ix_list_own_container_format,
    ADD INDEX ix_list_own_container_format (owner, deleted, visibility, container_format, created_at, id),
    DROP INDEX ix_list_own_disk_format,
    ADD INDEX ix_list_own_disk_format (owner, deleted, visibility, disk_format, created_at, id),
    DROP INDEX ix_list_own_size,
    ADD INDEX ix_list_own_size (owner, deleted, visibility, size, created_at, id),
    DROP INDEX ix_list_own_id,
    ADD INDEX ix_list_own_id (owner, deleted, visibility, id);
