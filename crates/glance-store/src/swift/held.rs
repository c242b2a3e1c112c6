//! What lies in our containers, image by image.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use futures_core::Stream;
use futures_util::stream;
use glance_core::id::ImageId;

use super::account::{Account, Who};
use super::location::SwiftLocation;
use super::names::Name;
use super::object::{Entry, Kind};
use super::{Inner, lock, remove};
use crate::error::StoreError;
use crate::store::Held;

/// An image and its segments, or something else.
#[derive(Debug)]
pub(super) struct Group {
    container: String,
    /// None: its name is not an image's.
    id: Option<ImageId>,
    /// The object that can be read, by its name.
    readable: Option<(String, u64)>,
    /// Segments that no manifest lists, by the mark of their upload.
    leftovers: BTreeMap<String, Leftover>,
}

#[derive(Debug)]
struct Leftover {
    size: u64,
    touched: SystemTime,
}

/// Reads names in their order.
struct Walk<'a> {
    inner: &'a Inner,
    account: Account,
    containers: VecDeque<String>,
    /// Where the list of containers went on, if there may be more.
    more_containers: Option<String>,
    page: VecDeque<Entry>,
    marker: String,
    group: Option<Group>,
}

impl Inner {
    /// What lies in our containers.
    pub(super) fn groups(
        &self,
    ) -> Result<impl Stream<Item = Result<Group, StoreError>> + Send + '_, StoreError> {
        let own = self.own().filter(|_| !self.options.multi_tenant);
        let own = own.ok_or(StoreError::Unsupported)?;
        let walk = Walk {
            inner: self,
            account: self.account(Who::Own(own)),
            containers: [self.options.container.clone()].into(),
            more_containers: (self.options.seed > 0).then(String::new),
            page: VecDeque::new(),
            marker: String::new(),
            group: None,
        };
        Ok(stream::try_unfold(walk, |mut walk| async move {
            Ok(walk.next().await?.map(|group| (group, walk)))
        }))
    }

    /// The words of the trait for a group.
    pub(super) fn held(&self, group: Group) -> Vec<Held> {
        let access = self.options.access();
        let readable = group.readable.zip(access).map(|((object, size), access)| {
            let place = SwiftLocation {
                access,
                container: group.container.clone(),
                object,
            };
            Held::Image {
                location: place.write(),
                id: group.id.clone(),
                size,
            }
        });
        let leftovers = group.leftovers.values().map(|leftover| Held::Unfinished {
            id: group.id.clone(),
            size: leftover.size,
            touched: leftover.touched,
        });
        readable.into_iter().chain(leftovers).collect()
    }

    /// Removes the leftovers of a group to which nothing came for `idle`, and counts their uploads.
    pub(super) async fn sweep(&self, group: &Group, idle: Duration) -> Result<u64, StoreError> {
        let Some((own, id)) = self.own().zip(group.id.as_ref()) else {
            return Ok(0);
        };
        let account = self.account(Who::Own(own));
        let mut swept = 0;
        for (mark, leftover) in &group.leftovers {
            let age = SystemTime::now().duration_since(leftover.touched);
            if !age.is_ok_and(|age| age >= idle) {
                continue;
            }
            // A slow client's upload is still one.
            if lock(&self.running).contains_key(id.as_str()) {
                continue;
            }
            // It may have been published since the list was made.
            let head = account.head(&group.container, id.as_str()).await?;
            let is_used = head.is_some_and(|head| match head.kind {
                Kind::Plain => false,
                Kind::Static { .. } => head.upload.is_none_or(|used| used == *mark),
                Kind::Dynamic { .. } => true,
            });
            if is_used {
                continue;
            }
            let mut deleted = 0;
            if mark.is_empty() {
                // Glance's segments have no mark, but numbers.
                for digit in 0..10 {
                    let begin = format!("{id}-{digit}");
                    deleted += self
                        .sweep_numbered(&account, &group.container, &begin)
                        .await?;
                }
            } else {
                let begin = format!("{id}-{mark}-");
                deleted = remove::prefix(&account, &group.container, &begin).await?;
            }
            swept += u64::from(deleted > 0);
        }
        Ok(swept)
    }

    /// Removes Glance's segments whose names begin with `begin`, but no upload's of our own whose
    /// mark begins with a digit.
    async fn sweep_numbered(
        &self,
        account: &Account,
        container: &str,
        begin: &str,
    ) -> Result<u64, StoreError> {
        let mut marker = String::new();
        let mut deleted = 0;
        while let Some(page) = account.page(container, begin, &marker).await? {
            let Some(last) = page.last() else { break };
            marker.clone_from(&last.name);
            for entry in &page {
                if matches!(Name::read(&entry.name), Name::Segment(_, "")) {
                    account.delete(container, &entry.name).await?;
                    deleted += 1;
                }
            }
        }
        Ok(deleted)
    }
}

impl Walk<'_> {
    /// The next group, when all of it is read.
    async fn next(&mut self) -> Result<Option<Group>, StoreError> {
        loop {
            let Some(entry) = self.entry().await? else {
                if let Some(group) = self.group.take() {
                    return self.settle(group).await.map(Some);
                }
                if !self.next_container().await? {
                    return Ok(None);
                }
                continue;
            };
            let finished = self.sort(entry);
            if let Some(group) = finished {
                return self.settle(group).await.map(Some);
            }
        }
    }

    /// Puts an object where it belongs; gives the group before it, if that is over.
    fn sort(&mut self, entry: Entry) -> Option<Group> {
        let name = Name::read(&entry.name);
        let id = match &name {
            Name::Image(id) | Name::Segment(id, _) => Some(id.clone()),
            Name::Other => None,
        };
        let same = id.is_some() && self.group.as_ref().is_some_and(|group| group.id == id);
        let finished = self.group.take_if(|_| !same);
        let container = self.containers.front().cloned().unwrap_or_default();
        let group = self.group.get_or_insert_with(|| Group {
            container,
            id,
            readable: None,
            leftovers: BTreeMap::new(),
        });
        match name {
            Name::Segment(_, mark) => {
                let leftover = group.leftovers.entry(mark.to_owned()).or_insert(Leftover {
                    size: 0,
                    touched: entry.touched,
                });
                leftover.size += entry.size;
                leftover.touched = leftover.touched.max(entry.touched);
            }
            Name::Image(_) | Name::Other => group.readable = Some((entry.name, entry.size)),
        }
        finished
    }

    /// Takes away what the image is made of: the rest are leftovers.
    async fn settle(&self, mut group: Group) -> Result<Group, StoreError> {
        let Some((name, size)) = &mut group.readable else {
            return Ok(group);
        };
        if group.leftovers.is_empty() && *size > 0 {
            return Ok(group);
        }
        let Some(head) = self.account.head(&group.container, name).await? else {
            // It is being deleted.
            group.readable = None;
            return Ok(group);
        };
        // Lists have no size for a manifest of Glance's.
        *size = head.size;
        match (head.kind, head.upload) {
            (Kind::Plain, _) => {}
            (Kind::Static { .. }, Some(mark)) => drop(group.leftovers.remove(&mark)),
            (Kind::Static { .. } | Kind::Dynamic { .. }, _) => group.leftovers.clear(),
        }
        Ok(group)
    }

    async fn entry(&mut self) -> Result<Option<Entry>, StoreError> {
        if self.page.is_empty()
            && let Some(container) = self.containers.front()
        {
            let page = self.account.page(container, "", &self.marker).await?;
            self.page = page.unwrap_or_default().into();
            if let Some(last) = self.page.back() {
                self.marker.clone_from(&last.name);
            }
        }
        Ok(self.page.pop_front())
    }

    async fn next_container(&mut self) -> Result<bool, StoreError> {
        self.containers.pop_front();
        self.marker.clear();
        if self.containers.is_empty()
            && let Some(marker) = self.more_containers.take()
        {
            let prefix = format!("{}_", self.inner.options.container);
            self.containers = self.account.containers(&prefix, &marker).await?.into();
            self.more_containers = self.containers.back().cloned();
        }
        Ok(!self.containers.is_empty())
    }
}
