DROP TRIGGER IF EXISTS shared_images_added;
DROP TRIGGER IF EXISTS shared_images_changed;
DROP TRIGGER IF EXISTS shared_images_purged;
DROP TRIGGER IF EXISTS shared_images_sorted;
DROP TRIGGER IF EXISTS shared_images_gone;
DROP TABLE IF EXISTS shared_images;
