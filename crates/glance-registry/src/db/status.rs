//! The state machine: which status may follow which.

use glance_core::image::ImageStatus::{self, *};

/// Whether an image in `from` may become `to`; keeping a status is no transition, except that a
/// second upload must not begin where one runs.
///
/// `active` → `queued` is not in the machine of the Images API, but Glance's registry grants it and
/// a recorded client relies on it. It cannot lead to other data under the same id: see
/// [`may_upload`].
pub(super) fn may_follow(from: ImageStatus, to: ImageStatus) -> bool {
    match from {
        _ if from == to => from != Saving,
        Queued => matches!(
            to,
            Saving | Active | Killed | Deleted | PendingDelete | Importing | Uploading
        ),
        Saving => matches!(to, Active | Killed | Deleted | PendingDelete),
        Active => matches!(to, Queued | Deactivated | Deleted | PendingDelete),
        Deactivated => matches!(to, Active | Deleted | PendingDelete),
        Killed => matches!(to, Deleted | PendingDelete),
        PendingDelete => to == Deleted,
        Deleted => false,
        Importing | Uploading => {
            matches!(
                to,
                Queued | Saving | Active | Killed | Deleted | PendingDelete
            )
        }
    }
}

/// Whether an upload to a queued image may begin: never where data has been before.
pub(super) fn may_upload(live_locations: usize) -> bool {
    live_locations == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ImageStatus; 9] = [
        Queued,
        Saving,
        Active,
        Killed,
        Deleted,
        PendingDelete,
        Deactivated,
        Importing,
        Uploading,
    ];

    #[test]
    fn deleted_is_terminal() {
        assert!(
            ALL.into_iter()
                .all(|to| to == Deleted || !may_follow(Deleted, to))
        );
        assert!(
            ALL.into_iter()
                .filter(|to| *to != PendingDelete && *to != Deleted)
                .all(|to| !may_follow(PendingDelete, to))
        );
    }

    #[test]
    fn uploads_begin_at_queued_only() {
        let from: Vec<_> = ALL
            .into_iter()
            .filter(|from| may_follow(*from, Saving))
            .collect();
        assert_eq!(from, [Queued, Importing, Uploading]);
    }

    #[test]
    fn killed_images_can_only_be_deleted() {
        let to: Vec<_> = ALL
            .into_iter()
            .filter(|to| may_follow(Killed, *to))
            .collect();
        assert_eq!(to, [Killed, Deleted, PendingDelete]);
    }

    #[test]
    fn everything_can_be_deleted() {
        assert!(
            ALL.into_iter().all(|from| may_follow(from, Deleted)) || !may_follow(Deleted, Deleted)
        );
    }
}
