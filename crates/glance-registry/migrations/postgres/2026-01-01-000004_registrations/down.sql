ALTER TABLE images
    ALTER COLUMN name TYPE VARCHAR(255) USING left(name, 255),
    ALTER COLUMN checksum TYPE VARCHAR(32) USING left(checksum, 32);
