//! The host map: which profile's token a server may get. It lies in the profiles of the user and the machine only.

use crate::error::{Code, Error};
use crate::open::Home;
#[cfg(feature = "cli")]
use crate::profile::Miss;
use crate::profile::{HostEntry, ProfileName, Specificity, Target};

/// The entries of all profiles, or of one.
#[derive(Debug)]
pub(crate) struct HostMap {
    entries: Vec<ProfileHost>,
}

/// An entry, and the profile that it stands in.
#[derive(Clone, Debug)]
pub(crate) struct ProfileHost {
    pub(crate) profile: ProfileName,
    pub(crate) host: HostEntry,
}

impl HostMap {
    /// Reads the entries of one profile, or of all. Of all, a profile that cannot be read names no host: what it would
    /// name gets nothing, and other clients go on.
    ///
    /// # Errors
    /// When the one profile cannot be read, or the profiles cannot be listed.
    pub(crate) fn read(home: &Home, only: Option<&ProfileName>) -> Result<HostMap, Error> {
        let mut entries = Vec::new();
        if let Some(name) = only {
            entries.extend(entries_of(home, name)?);
        } else {
            for name in home.profile_names()? {
                match entries_of(home, &name) {
                    Ok(own) => entries.extend(own),
                    Err(error) => tracing::debug!("the hosts of {name} are not known: {error}"),
                }
            }
        }
        Ok(HostMap { entries })
    }

    /// Returns the entries that name a target, the closest first.
    pub(crate) fn naming(&self, target: &Target) -> Vec<(&ProfileHost, Specificity)> {
        let covers = |entry: &ProfileHost| entry.host.pattern.covers(target).ok();
        let mut naming: Vec<_> = self.entries.iter().filter_map(|entry| Some((entry, covers(entry)?))).collect();
        naming.sort_by_key(|(_, specificity)| std::cmp::Reverse(*specificity));
        naming
    }

    /// Returns the entry that counts for a target; `None` if no profile names it.
    ///
    /// # Errors
    /// [`Code::ConfigInvalid`], if two profiles name it equally closely.
    pub(crate) fn chosen(&self, target: &Target) -> Result<Option<&ProfileHost>, Error> {
        match self.naming(target)[..] {
            [(first, a), (second, b), ..] if a == b => Err(ambiguous(first, second)),
            [(first, _), ..] => Ok(Some(first)),
            [] => Ok(None),
        }
    }

    /// Returns the entries that do not count for a target though they name it, or its host, with the reason.
    #[cfg(feature = "cli")]
    pub(crate) fn others(&self, target: &Target) -> Vec<(&ProfileHost, String)> {
        let naming: Vec<&ProfileHost> = self.naming(target).into_iter().skip(1).map(|(entry, _)| entry).collect();
        let less = naming.into_iter().map(|entry| (entry, "names it less closely".to_owned()));
        let missing = self.entries.iter().filter_map(|entry| match entry.host.pattern.covers(target) {
            Ok(_) | Err(Miss::Host) => None,
            Err(miss) => Some((entry, miss.to_string())),
        });
        less.chain(missing).collect()
    }

    /// Returns whether parts of the server of a target have entries of their own.
    pub(crate) fn has_paths_at(&self, target: &Target) -> bool {
        self.entries.iter().any(|entry| entry.host.pattern.has_path_at(target))
    }

    /// Returns the entries that name one server, each with it; without those that another one takes the place of.
    pub(crate) fn servers(&self) -> impl Iterator<Item = (&ProfileHost, &Target)> {
        let servers = self.entries.iter().filter_map(|entry| Some((entry, entry.host.pattern.server()?)));
        servers
            .filter(|(entry, server)| matches!(self.chosen(server), Ok(Some(chosen)) if std::ptr::eq(chosen, *entry)))
    }
}

fn entries_of(home: &Home, name: &ProfileName) -> Result<Vec<ProfileHost>, Error> {
    let (_, file) = home.profile_file(name)?;
    let hosts = file.hosts.unwrap_or_default();
    Ok(hosts.iter().map(|host| ProfileHost { profile: name.clone(), host: host.clone() }).collect())
}

fn ambiguous(first: &ProfileHost, second: &ProfileHost) -> Error {
    let (one, other) = (&first.profile, &second.profile);
    let what = format!(
        "the profiles {one} and {other} both name {} in `hosts`; the token of neither was handed out",
        first.host.pattern.as_str()
    );
    Error::new(Code::ConfigInvalid, what)
}
