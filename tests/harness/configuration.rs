//! A configuration file, in Glance's form.

/// Options by section, in the order in which they were set.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    options: Vec<(String, String, String)>,
}

impl Configuration {
    /// Sets an option; a value set before is replaced.
    pub fn set(&mut self, section: &str, name: &str, value: &str) {
        self.unset(section, name);
        self.options
            .push((section.to_owned(), name.to_owned(), value.to_owned()));
    }

    /// Leaves an option as it is by default.
    pub fn unset(&mut self, section: &str, name: &str) {
        self.options
            .retain(|(given, option, _)| given != section || option != name);
    }

    /// The value of an option that was set.
    pub fn get(&self, section: &str, name: &str) -> Option<&str> {
        let mut options = self.options.iter();
        let found = options.find(|(given, option, _)| given == section && option == name);
        found.map(|(_, _, value)| value.as_str())
    }

    /// Sets every option of `others`.
    pub fn merge(&mut self, others: &Self) {
        for (section, name, value) in &others.options {
            self.set(section, name, value);
        }
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut sections: Vec<&str> = vec!["DEFAULT"];
        for (section, _, _) in &self.options {
            if !sections.contains(&section.as_str()) {
                sections.push(section);
            }
        }
        let mut text = String::new();
        for section in sections {
            text.push_str(&format!("[{section}]\n"));
            for (_, name, value) in self.options.iter().filter(|(given, _, _)| given == section) {
                text.push_str(&format!("{name} = {value}\n"));
            }
        }
        text
    }
}
