DROP TRIGGER shared_images_added;
DROP TRIGGER shared_images_restored;
DROP TRIGGER shared_images_removed;
DROP TRIGGER shared_images_purged;
DROP TRIGGER shared_images_sorted;
DROP TRIGGER shared_images_turned;
DROP TRIGGER shared_images_gone;
DROP TABLE shared_images;
