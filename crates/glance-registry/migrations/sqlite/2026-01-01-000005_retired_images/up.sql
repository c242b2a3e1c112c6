-- Ids of images whose rows a purge removed: they are never given to another image. Glance ignores this
-- table.
CREATE TABLE IF NOT EXISTS retired_images (
    id VARCHAR(36) NOT NULL PRIMARY KEY
);
