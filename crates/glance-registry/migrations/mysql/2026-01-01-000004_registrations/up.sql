-- What registrations of objects in Pithos need: sums of 64 digits, names of 256 characters, and
-- characters beyond those of MySQL's utf8. Glance writes shorter ones, and reads these. Tables of MySQL 5.6 and
-- MariaDB 10.1 are of a format (COMPACT) whose indexes have no room for such names.
ALTER TABLE images
    ROW_FORMAT = DYNAMIC,
    MODIFY name VARCHAR(256) CHARACTER SET utf8mb4,
    MODIFY checksum VARCHAR(64);
ALTER TABLE image_properties
    ROW_FORMAT = DYNAMIC,
    MODIFY name VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
    MODIFY value TEXT CHARACTER SET utf8mb4;
ALTER TABLE image_locations
    MODIFY value TEXT CHARACTER SET utf8mb4 NOT NULL,
    MODIFY meta_data TEXT CHARACTER SET utf8mb4;
