DROP TABLE retired_images;
