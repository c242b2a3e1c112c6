DROP TABLE image_leases;
