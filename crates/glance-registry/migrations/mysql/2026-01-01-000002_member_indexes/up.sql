-- Who shares images with a tenant.
ALTER TABLE image_members ADD INDEX ix_list_members (member, deleted, image_id);
