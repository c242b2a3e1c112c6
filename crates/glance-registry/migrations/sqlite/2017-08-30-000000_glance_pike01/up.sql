-- The tables of Glance 15 (alembic revision pike01) that hold images, with its constraints and
-- indexes. In a database that Glance wrote they are there already, and nothing happens.
CREATE TABLE IF NOT EXISTS alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version (version_num)
    SELECT 'pike01' WHERE NOT EXISTS (SELECT 1 FROM alembic_version);

CREATE TABLE IF NOT EXISTS images (
    id VARCHAR(36) NOT NULL,
    name VARCHAR(255),
    size INTEGER,
    status VARCHAR(30) NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME,
    deleted_at DATETIME,
    deleted BOOLEAN NOT NULL,
    disk_format VARCHAR(20),
    container_format VARCHAR(20),
    checksum VARCHAR(32),
    owner VARCHAR(255),
    min_disk INTEGER NOT NULL,
    min_ram INTEGER NOT NULL,
    protected BOOLEAN DEFAULT 0 NOT NULL,
    virtual_size INTEGER,
    visibility VARCHAR(9) DEFAULT 'shared' NOT NULL,
    PRIMARY KEY (id),
    CHECK (deleted IN (0, 1)),
    CHECK (protected IN (0, 1)),
    CONSTRAINT image_visibility CHECK (visibility IN ('private', 'public', 'shared', 'community'))
);
CREATE INDEX IF NOT EXISTS checksum_image_idx ON images (checksum);
CREATE INDEX IF NOT EXISTS visibility_image_idx ON images (visibility);
CREATE INDEX IF NOT EXISTS ix_images_deleted ON images (deleted);
CREATE INDEX IF NOT EXISTS owner_image_idx ON images (owner);
CREATE INDEX IF NOT EXISTS created_at_image_idx ON images (created_at);
CREATE INDEX IF NOT EXISTS updated_at_image_idx ON images (updated_at);

CREATE TABLE IF NOT EXISTS image_properties (
    id INTEGER NOT NULL,
    image_id VARCHAR(36) NOT NULL,
    name VARCHAR(255) NOT NULL,
    value TEXT,
    created_at DATETIME NOT NULL,
    updated_at DATETIME,
    deleted_at DATETIME,
    deleted BOOLEAN NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(image_id) REFERENCES images (id),
    CONSTRAINT ix_image_properties_image_id_name UNIQUE (image_id, name),
    CHECK (deleted IN (0, 1))
);
CREATE INDEX IF NOT EXISTS ix_image_properties_deleted ON image_properties (deleted);
CREATE INDEX IF NOT EXISTS ix_image_properties_image_id ON image_properties (image_id);

CREATE TABLE IF NOT EXISTS image_members (
    id INTEGER NOT NULL,
    image_id VARCHAR(36) NOT NULL,
    member VARCHAR(255) NOT NULL,
    can_share BOOLEAN NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME,
    deleted_at DATETIME,
    deleted BOOLEAN NOT NULL,
    status VARCHAR(20) DEFAULT 'pending' NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(image_id) REFERENCES images (id),
    CONSTRAINT image_members_image_id_member_deleted_at_key UNIQUE (image_id, member, deleted_at),
    CHECK (can_share IN (0, 1)),
    CHECK (deleted IN (0, 1))
);
CREATE INDEX IF NOT EXISTS ix_image_members_deleted ON image_members (deleted);
CREATE INDEX IF NOT EXISTS ix_image_members_image_id ON image_members (image_id);
CREATE INDEX IF NOT EXISTS ix_image_members_image_id_member ON image_members (image_id, member);

CREATE TABLE IF NOT EXISTS image_locations (
    id INTEGER NOT NULL,
    image_id VARCHAR(36) NOT NULL,
    value TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME,
    deleted_at DATETIME,
    deleted BOOLEAN NOT NULL,
    meta_data TEXT,
    status VARCHAR(30) DEFAULT 'active' NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(image_id) REFERENCES images (id),
    CHECK (deleted IN (0, 1))
);
CREATE INDEX IF NOT EXISTS ix_image_locations_deleted ON image_locations (deleted);
CREATE INDEX IF NOT EXISTS ix_image_locations_image_id ON image_locations (image_id);

CREATE TABLE IF NOT EXISTS image_tags (
    id INTEGER NOT NULL,
    image_id VARCHAR(36) NOT NULL,
    value VARCHAR(255) NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME,
    deleted_at DATETIME,
    deleted BOOLEAN NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(image_id) REFERENCES images (id),
    CHECK (deleted IN (0, 1))
);
CREATE INDEX IF NOT EXISTS ix_image_tags_image_id ON image_tags (image_id);
CREATE INDEX IF NOT EXISTS ix_image_tags_image_id_tag_value ON image_tags (image_id, value);
