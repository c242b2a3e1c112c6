-- What keeps a list's cost the same at any number of images: one index for each sort key, once by
-- visibility (public lists, and the administrator's) and once by owner (a tenant's own images that are
-- not public). Nulls are less than all values, as on the other engines. Glance ignores these indexes.
CREATE INDEX IF NOT EXISTS ix_list_visible_created_at
    ON images (visibility, deleted, created_at, id);
CREATE INDEX IF NOT EXISTS ix_list_own_created_at
    ON images (owner, deleted, created_at, id) WHERE visibility <> 'public';
CREATE INDEX IF NOT EXISTS ix_list_visible_updated_at
    ON images (visibility, deleted, updated_at NULLS FIRST, created_at, id);
CREATE INDEX IF NOT EXISTS ix_list_own_updated_at
    ON images (owner, deleted, updated_at NULLS FIRST, created_at, id) WHERE visibility <> 'public';
CREATE INDEX IF NOT EXISTS ix_list_visible_name
    ON images (visibility, deleted, name NULLS FIRST, created_at, id);
CREATE INDEX IF NOT EXISTS ix_list_own_name
    ON images (owner, deleted, name NULLS FIRST, created_at, id) WHERE visibility <> 'public';
CREATE INDEX IF NOT EXISTS ix_list_visible_status
    ON images (visibility, deleted, status, created_at, id);
CREATE INDEX IF NOT EXISTS ix_list_own_status
    ON images (owner, deleted, status, created_at, id) WHERE visibility <> 'public';
CREATE INDEX IF NOT EXISTS ix_list_visible_container_format
    ON images (visibility, deleted, container_format NULLS FIRST, created_at, id);
CREATE INDEX IF NOT EXISTS ix_list_own_container_format
    ON images (owner, deleted, container_format NULLS FIRST, created_at, id) WHERE visibility <> 'public';
CREATE INDEX IF NOT EXISTS ix_list_visible_disk_format
    ON images (visibility, deleted, disk_format NULLS FIRST, created_at, id);
CREATE INDEX IF NOT EXISTS ix_list_own_disk_format
    ON images (owner, deleted, disk_format NULLS FIRST, created_at, id) WHERE visibility <> 'public';
CREATE INDEX IF NOT EXISTS ix_list_visible_size
    ON images (visibility, deleted, size NULLS FIRST, created_at, id);
CREATE INDEX IF NOT EXISTS ix_list_own_size
    ON images (owner, deleted, size NULLS FIRST, created_at, id) WHERE visibility <> 'public';
CREATE INDEX IF NOT EXISTS ix_list_visible_id
    ON images (visibility, deleted, id);
CREATE INDEX IF NOT EXISTS ix_list_own_id
    ON images (owner, deleted, id) WHERE visibility <> 'public';
-- Who shares images with a tenant, and which images have a property. A value may be longer than an
-- index's entry, its sum is not.
CREATE INDEX IF NOT EXISTS ix_list_members
    ON image_members (member, image_id) WHERE deleted = false;
CREATE INDEX IF NOT EXISTS ix_list_properties
    ON image_properties (name, md5(value), image_id) WHERE deleted = false;
-- What recovery looks for: images that are on their way out.
CREATE INDEX IF NOT EXISTS ix_recovery_pending
    ON images (updated_at) WHERE status = 'pending_delete';
CREATE INDEX IF NOT EXISTS ix_recovery_deleted
    ON images (updated_at) WHERE status = 'deleted' AND deleted = false;
