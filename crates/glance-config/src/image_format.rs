//! Which disk and container formats an image may claim.

options! {
    /// Which disk and container formats an image may claim.
    pub struct ImageFormatConfig in "image_format" {
        /// The disk formats that are accepted.
        disk_formats: Vec<String> = "ami,ari,aki,vhd,vhdx,vmdk,raw,qcow2,vdi,iso,ploop", restart,
            was ["DEFAULT/disk_formats"];
        /// The container formats that are accepted.
        container_formats: Vec<String> = "ami,ari,aki,bare,ovf,ova,docker", restart,
            was ["DEFAULT/container_formats"];
    }
}
