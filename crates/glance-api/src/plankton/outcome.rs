//! The outcomes of the service in the words of the dialect.

use glance_auth::AuthError;
use glance_core::plankton::{LONGEST_VALUE, MOST_ITEMS};

use super::fault::Fault;
use super::level::Level;
use crate::service::ServiceError;
use crate::service::plankton::PlanktonError;

impl Level {
    /// The message of a fault that the server leaves empty.
    pub(super) fn words(self, words: &'static str) -> &'static str {
        if self.always_explains() { words } else { "" }
    }

    /// To somebody who may not.
    pub(super) fn refusal(self) -> Fault {
        Fault::new(
            self.no_access(),
            self.words("Access to that image is not allowed"),
        )
    }

    /// To whom names an object that is no image.
    fn no_image(self, id: &str) -> Fault {
        match self.always_explains() {
            true => Fault::new(404, "Image not found"),
            false => Fault::new(404, format!("Object '{id}' does not exist.")),
        }
    }

    fn not_found(self) -> Fault {
        Fault::new(404, self.words("Image not found"))
    }

    /// What an outcome of the service is to the client.
    pub(super) fn fault(self, error: PlanktonError) -> Fault {
        let fault = match &error {
            PlanktonError::InvalidId => Fault::new(self.no_uuid(), self.words("Image not found")),
            PlanktonError::NotFound {
                id,
                unregistered: true,
            } => self.no_image(id),
            PlanktonError::NotFound { .. } => self.not_found(),
            PlanktonError::NameRequired { id } => match self.nameless() {
                404 => self.no_image(id),
                status => Fault::new(status, "Invalid image name"),
            },
            PlanktonError::Forbidden | PlanktonError::NotAllowed => self.refusal(),
            PlanktonError::Unauthorized => bad_token(),
            PlanktonError::NoSuchObject => Fault::new(404, self.words("File not found")),
            PlanktonError::SizeDiffers { .. } => Fault::bad_request("Invalid 'size' field"),
            PlanktonError::ChecksumDiffers => Fault::bad_request("Invalid checksum field"),
            PlanktonError::Taken => Fault::new(409, "Another image has the ID of this object"),
            PlanktonError::ValueTooLong => Fault::bad_request(format!(
                "Metadata values should be less than {LONGEST_VALUE} characters."
            )),
            // The prefix that Synnefo puts before the name counts.
            PlanktonError::KeyTooLong => {
                Fault::bad_request("Metadata keys should be less than 111 characters")
            }
            PlanktonError::TooManyItems => Fault::bad_request(format!(
                "Pithos+ resources cannot have more than {MOST_ITEMS} metadata items per domain"
            )),
            PlanktonError::Nul => Fault::bad_request(self.words("A text has the character NUL")),
            PlanktonError::InvalidMember => {
                Fault::bad_request(self.words("Invalid 'member_id' field"))
            }
            PlanktonError::DataChanged { .. } => {
                Fault::new(503, "The data of the image is changing. Please try again.")
            }
            PlanktonError::NoPithos => Fault::new(503, "No pithos store is configured"),
            PlanktonError::Unavailable(_) => unavailable(),
            PlanktonError::Service(error) => self.of_service(error),
        };
        fault.caused_by(error)
    }

    /// What Glance mode says of its own images, or the registry of us.
    fn of_service(self, error: &ServiceError) -> Fault {
        match error {
            ServiceError::NotFound { .. }
            | ServiceError::NotActive { .. }
            | ServiceError::DataGone { .. } => self.not_found(),
            ServiceError::Deactivated { .. }
            | ServiceError::Forbidden(_)
            | ServiceError::Protected { .. }
            | ServiceError::StoreForbidden => self.refusal(),
            ServiceError::Unauthorized(_) => Fault::new(401, "Access denied"),
            ServiceError::OverQuota(_) | ServiceError::OverStorageQuota => {
                Fault::new(413, "Quota exceeded")
            }
            ServiceError::Duplicate { .. } | ServiceError::Conflict => {
                Fault::new(409, "The image is being changed by somebody else")
            }
            ServiceError::Rejected(_) => Fault::bad_request("Invalid metadata"),
            _ => unavailable(),
        }
    }
}

fn unavailable() -> Fault {
    let text = "The image service cannot do this now. Please try again later.";
    Fault::new(503, text)
}

/// What somebody hears whose identity is not known.
pub(super) fn unidentified(error: AuthError) -> Fault {
    match error {
        AuthError::Unauthorized => no_token(),
        AuthError::Rejected => bad_token(),
        AuthError::Refused(answer) => Fault::passed_on(401, "UNAUTHORIZED", &answer),
        // Synnefo answers 500 here.
        AuthError::Unavailable => Fault::new(
            503,
            "Tokens cannot be validated now. Please try again later.",
        ),
        AuthError::Malformed(reason) => Fault::bad_request(reason),
    }
}

/// What somebody hears whose token is none, or none any more.
fn bad_token() -> Fault {
    Fault::new(401, "Access denied. Invalid authentication token")
}

/// What somebody hears who says nothing of who it is.
pub(super) fn no_token() -> Fault {
    Fault::new(401, "Access denied. No authentication token")
}
