//! Where image data is kept: the ImageStore trait and its back-ends.
