//! Who owns an image and who is an administrator.

options! {
    /// Who owns an image and who is an administrator. Must be equal in both daemons.
    pub struct AccessConfig in "DEFAULT" {
        /// Whether an image belongs to its creator's tenant (true) or to the user (false).
        owner_is_tenant: bool = "true", restart;
        /// The role whose bearers are administrators, in any case.
        admin_role: String = "admin", restart;
        /// Whether requests without credentials are served, with read access to public images.
        allow_anonymous_access: bool = "false", restart;
    }
}
