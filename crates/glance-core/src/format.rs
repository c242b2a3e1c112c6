//! Disk and container formats, and which of them go together.

use thiserror::Error;

/// Formats that are both a disk and a container format: Amazon's machine, kernel and ramdisk.
const AMAZON: [&str; 3] = ["aki", "ari", "ami"];

/// The disk and container formats that an operator allows.
#[derive(Clone, Debug)]
pub struct Formats {
    /// Accepted disk formats, in the order of the configuration.
    pub disk: Vec<String>,
    /// Accepted container formats, in the order of the configuration.
    pub container: Vec<String>,
}

/// A format that is refused. The texts are Glance's.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FormatError {
    /// Not among the allowed disk formats.
    #[error("Invalid disk format '{0}' for image.")]
    Disk(String),
    /// Not among the allowed container formats.
    #[error("Invalid container format '{0}' for image.")]
    Container(String),
    /// One of Amazon's formats with another one.
    #[error(
        "Invalid mix of disk and container formats. When setting a disk or container format to \
         one of 'aki', 'ari', or 'ami', the container and disk formats must match."
    )]
    Mix,
}

impl Formats {
    /// Checks the formats of one request and completes them.
    ///
    /// If one of them is Amazon's and the other is absent, the other becomes the same. An empty
    /// value is refused under the name `None`, as Glance does.
    pub fn check(
        &self,
        disk: &mut Option<String>,
        container: &mut Option<String>,
    ) -> Result<(), FormatError> {
        if let Some(value) = disk.as_ref().filter(|value| !self.disk.contains(value)) {
            return Err(FormatError::Disk(or_none(value)));
        }
        if let Some(value) = container
            .as_ref()
            .filter(|value| !self.container.contains(value))
        {
            return Err(FormatError::Container(or_none(value)));
        }
        let amazon = |format: &Option<String>| {
            format
                .as_deref()
                .is_some_and(|value| AMAZON.contains(&value))
        };
        if !amazon(disk) && !amazon(container) {
            return Ok(());
        }
        match (&*disk, &*container) {
            (Some(value), None) => *container = Some(value.clone()),
            (None, Some(value)) => *disk = Some(value.clone()),
            (disk, container) if disk == container => {}
            _ => return Err(FormatError::Mix),
        }
        Ok(())
    }
}

fn or_none(value: &str) -> String {
    if value.is_empty() {
        "None".to_owned()
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(disk: Option<&str>, container: Option<&str>) -> Result<(String, String), FormatError> {
        let formats = Formats {
            disk: ["ami", "aki", "raw"].map(String::from).to_vec(),
            container: ["ami", "aki", "bare"].map(String::from).to_vec(),
        };
        let (mut disk, mut container) = (disk.map(String::from), container.map(String::from));
        formats.check(&mut disk, &mut container)?;
        Ok((disk.unwrap_or_default(), container.unwrap_or_default()))
    }

    #[test]
    fn completes_amazon_formats() {
        assert_eq!(check(Some("ami"), None), Ok(("ami".into(), "ami".into())));
        assert_eq!(check(None, Some("aki")), Ok(("aki".into(), "aki".into())));
        assert_eq!(check(Some("ami"), Some("aki")), Err(FormatError::Mix));
        assert_eq!(check(Some("raw"), Some("ami")), Err(FormatError::Mix));
    }

    #[test]
    fn refuses_unknown_and_empty_formats() {
        assert_eq!(
            check(Some("RAW"), None),
            Err(FormatError::Disk("RAW".into()))
        );
        assert_eq!(check(Some(""), None), Err(FormatError::Disk("None".into())));
        assert_eq!(
            check(None, Some("box")),
            Err(FormatError::Container("box".into()))
        );
        assert_eq!(check(Some("raw"), None), Ok(("raw".into(), String::new())));
    }
}
