-- Nothing is left but the note of what was done; a database with images is not for this.
DROP TABLE image_tags;
DROP TABLE image_locations;
DROP TABLE image_members;
DROP TABLE image_properties;
DROP TABLE images;
DROP TABLE alembic_version;
DROP TYPE image_visibility;
