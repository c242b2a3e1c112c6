-- Who works on an image that is not in a steady state. Times are microseconds since 1970 by this
-- database's clock. Glance ignores this table.
CREATE TABLE IF NOT EXISTS image_leases (
    image_id VARCHAR(36) NOT NULL PRIMARY KEY REFERENCES images (id),
    holder VARCHAR(255) NOT NULL,
    store VARCHAR(255) NOT NULL,
    bytes BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    epoch BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_image_leases_expires_at ON image_leases (expires_at);
CREATE INDEX IF NOT EXISTS ix_image_leases_holder ON image_leases (holder);
