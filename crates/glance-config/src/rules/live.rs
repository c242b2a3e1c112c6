//! The rules as they are now, and the thread that looks whether their files have changed.
//!
//! oslo.policy looks at its files in each request. Here a thread of its own does twice a second, so
//! that no request waits for a file system.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use std::{io, thread};

use super::files::{RuleTexts, Stamp};
use super::{RuleBook, RuleSources, RulesError};
use crate::api::ApiConfig;
use crate::error::chain;
use crate::registry::RegistryConfig;

/// A change is taken over when two looks in a row have found the same: no file is read while
/// somebody writes it, or between an editor's deleting and making it.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// The rules as they are now.
#[derive(Debug)]
pub struct LiveRules {
    book: RwLock<Arc<RuleBook>>,
    watch: Mutex<Watch>,
}

/// What is known of the files.
#[derive(Debug)]
struct Watch {
    sources: RuleSources,
    /// What the rules in force, or a later attempt, were made of.
    texts: RuleTexts,
    /// What the last look found.
    seen: Vec<Stamp>,
    /// What was found when the files were read.
    taken: Vec<Stamp>,
    /// What was wrong with the files when they were read last, as it was told.
    complaint: Option<String>,
}

impl LiveRules {
    /// Reads the files that the configuration of a glance-api, read from `beside`, names.
    pub fn load(config: &ApiConfig, beside: &Path) -> Result<Self, RulesError> {
        Self::new(RuleSources::of_api(config, beside))
    }

    /// The same for a glance-registry, which protects no properties.
    pub fn load_registry(config: &RegistryConfig, beside: &Path) -> Result<Self, RulesError> {
        Self::new(RuleSources::of_registry(config, beside))
    }

    fn new(sources: RuleSources) -> Result<Self, RulesError> {
        let texts = sources.read()?;
        let book = RuleBook::parse(&texts, &sources)?;
        if let Some(path) = sources.overlooked(&texts) {
            let path = path.display();
            ::log::warn!("{path} is not read unless [oslo_policy] policy_file names it");
        }
        Ok(Self {
            book: RwLock::new(Arc::new(book)),
            watch: Mutex::new(Watch {
                sources,
                texts,
                // The first looks read once more: a file may have changed since it was read.
                seen: Vec::new(),
                taken: Vec::new(),
                complaint: None,
            }),
        })
    }

    /// Reads all files, perhaps others than before. After an error the old rules stay.
    pub fn reload(&self, sources: RuleSources) -> Result<(), RulesError> {
        let mut watch = self.watch();
        let texts = sources.read()?;
        let book = RuleBook::parse(&texts, &sources)?;
        watch.sources = sources;
        watch.texts = texts;
        watch.complaint = None;
        self.put(book);
        Ok(())
    }

    /// The rules for one request.
    pub fn current(&self) -> Arc<RuleBook> {
        self.book
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Starts the thread that takes over changes of the files until the last user of the rules is
    /// gone. A change that cannot be used leaves the rules as they are and is told in the log, once.
    pub fn watch_files(self: &Arc<Self>) -> io::Result<()> {
        let rules = Arc::downgrade(self);
        let looks = move || {
            while let Some(rules) = rules.upgrade() {
                rules.look();
                drop(rules);
                thread::sleep(BETWEEN_LOOKS);
            }
        };
        thread::Builder::new()
            .name("rules".to_owned())
            .spawn(looks)
            .map(drop)
    }

    /// Looks at the files once.
    fn look(&self) {
        let mut watch = self.watch();
        let found = watch.sources.stamps();
        if found != watch.seen {
            watch.seen = found;
            return;
        }
        if found == watch.taken {
            return;
        }
        match watch.take_over() {
            Ok(Some(book)) => {
                watch.complaint = None;
                self.put(book);
                ::log::info!("the rules are those of the changed files now");
            }
            Ok(None) if watch.complaint.take().is_some() => {
                ::log::info!("the files of rules are as they were before");
            }
            Ok(None) => {}
            Err(error) => {
                let complaint = chain(&error);
                if watch.complaint.as_ref() != Some(&complaint) {
                    ::log::error!("the rules stay as they were: {complaint}");
                }
                watch.complaint = Some(complaint);
                if matches!(error, RulesError::Unreadable { .. }) {
                    // That can pass without a change of the file.
                    return;
                }
            }
        }
        watch.taken = found;
    }

    fn put(&self, book: RuleBook) {
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// The rules of the files, if they are not those in force.
    fn take_over(&mut self) -> Result<Option<RuleBook>, RulesError> {
        let texts = self.sources.read()?;
        if let (Some(old), None) = (&self.texts.policy, &texts.policy) {
            // Glance's own rules may allow what the operator's did not.
            return Err(RulesError::Gone(old.path.clone()));
        }
        if texts == self.texts {
            return Ok(None);
        }
        let book = RuleBook::parse(&texts, &self.sources)?;
        self.texts = texts;
        Ok(Some(book))
    }
}

impl RuleSources {
    /// The files that the configuration of a glance-api, read from `beside`, names.
    pub fn of_api(config: &ApiConfig, beside: &Path) -> Self {
        Self::new(&config.policy, &config.property_protection, beside)
    }

    /// The same for a glance-registry.
    pub fn of_registry(config: &RegistryConfig, beside: &Path) -> Self {
        Self::new(&config.policy, &Default::default(), beside)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use glance_core::identity::Identity;
    use glance_core::policy::Target;

    use super::*;

    struct Scene {
        directory: tempfile::TempDir,
        rules: LiveRules,
    }

    impl Scene {
        fn new(policy: &str) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let conf = directory.path().join("glance-api.conf");
            fs::write(directory.path().join("policy.json"), policy).unwrap();
            let rules = LiveRules::load(&ApiConfig::default(), &conf).unwrap();
            Self { directory, rules }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn looks(&self) {
            self.rules.look();
            self.rules.look();
        }

        fn allows(&self, rule: &str) -> bool {
            let policy = &self.rules.current().policy;
            policy.allows(rule, &Identity::default(), &Target::Nothing)
        }

        fn complaint(&self) -> Option<String> {
            self.rules.watch().complaint.clone()
        }
    }

    #[test]
    fn a_change_is_taken_over_when_it_has_settled() {
        let scene = Scene::new(r#"{"get_image": "@"}"#);
        scene.looks();
        assert!(scene.allows("get_image"));
        scene.write("policy.json", r#"{"get_image": "!"}"#);
        scene.rules.look();
        assert!(scene.allows("get_image"));
        scene.rules.look();
        assert!(!scene.allows("get_image"));
    }

    #[test]
    fn a_change_that_cannot_be_used_leaves_the_rules() {
        let scene = Scene::new(r#"{"get_image": "@"}"#);
        scene.looks();
        scene.write("policy.json", "{\n\"get_image\": \"nonsense\"}");
        scene.looks();
        assert!(scene.allows("get_image"));
        let complaint = scene.complaint().unwrap();
        assert!(
            complaint.contains("policy.json: line 2: rule"),
            "{complaint}"
        );
        fs::remove_file(scene.path("policy.json")).unwrap();
        scene.looks();
        assert!(scene.allows("get_image"));
        assert!(scene.complaint().unwrap().ends_with("policy.json is gone"));
        scene.write("policy.json", r#"{"get_image": "!"}"#);
        scene.looks();
        assert!(!scene.allows("get_image"));
        assert_eq!(scene.complaint(), None);
    }

    #[test]
    fn files_that_come_and_go_in_a_policy_directory_count() {
        let scene = Scene::new(r#"{"get_image": "@"}"#);
        scene.looks();
        scene.write("policy.d/one.yaml", "get_image: '!'\n");
        scene.looks();
        assert!(!scene.allows("get_image"));
        scene.write("policy.d/two.yaml", "get_image: '@'\n");
        scene.write("policy.d/.hidden", "nonsense");
        scene.looks();
        assert!(scene.allows("get_image"));
        fs::remove_dir_all(scene.path("policy.d")).unwrap();
        scene.write("policy.json", r#"{"get_images": "@", "default": "!"}"#);
        scene.looks();
        assert!(scene.allows("get_images") && !scene.allows("get_image"));
    }

    #[test]
    fn the_thread_ends_with_its_rules() {
        let Scene { directory, rules } = Scene::new("{}");
        let rules = Arc::new(rules);
        rules.watch_files().unwrap();
        let weak = Arc::downgrade(&rules);
        drop(rules);
        for _ in 0..100 {
            if weak.upgrade().is_none() {
                return drop(directory);
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("somebody holds the rules");
    }
}
