UPDATE images SET name = LEFT(name, 255), checksum = LEFT(checksum, 32)
    WHERE CHAR_LENGTH(name) > 255 OR CHAR_LENGTH(checksum) > 32;
ALTER TABLE images
    ROW_FORMAT = DEFAULT,
    MODIFY name VARCHAR(255) CHARACTER SET utf8,
    MODIFY checksum VARCHAR(32);
ALTER TABLE image_properties
    ROW_FORMAT = DEFAULT,
    MODIFY name VARCHAR(255) CHARACTER SET utf8 NOT NULL,
    MODIFY value TEXT CHARACTER SET utf8;
ALTER TABLE image_locations
    MODIFY value TEXT CHARACTER SET utf8 NOT NULL,
    MODIFY meta_data TEXT CHARACTER SET utf8;
