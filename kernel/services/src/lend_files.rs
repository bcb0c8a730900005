//! Large files of one repository for a commit to another one: nothing is sent, and nothing is stored twice.

use std::collections::HashMap;

use ballast_types::Sha256;

use crate::{Downloadable, Failure, Proposing, Result};

/// The most files that are lent at once; `huggingface_hub` asks for 500.
const MAX_FILES: usize = 1000;

impl Downloadable {
    /// Leases large files that this repository holds for another one, with room for those that are new there, until they
    /// are committed as uploads are. Answers which of them this repository does not hold: nothing is done for those.
    pub async fn lend_files(&self, to: &Proposing, digests: &[Sha256]) -> Result<Vec<Sha256>> {
        if digests.len() > MAX_FILES {
            let why = format!("{} files at once; at most {MAX_FILES} are duplicated", digests.len());
            return Err(Failure::Invalid(why));
        }
        let content = self.hub.content();
        let held = content.find_held(self.key(), digests).await?;
        let known = content.find_known(to.key(), digests).await?;
        let new = held.iter().zip(&known).filter(|(_, known)| known.is_none()).filter_map(|(held, _)| *held);
        let new: HashMap<Sha256, u64> = new.map(|blob| (blob.sha256, blob.size)).collect();
        let absent = digests.iter().zip(&held).filter(|(_, held)| held.is_none()).map(|(sha256, _)| *sha256);
        let mut absent: Vec<Sha256> = absent.collect();
        if !new.is_empty() {
            absent.extend(self.lend_new(to, &new).await?);
        }
        Ok(absent)
    }

    /// Those that are not held here any more.
    async fn lend_new(&self, to: &Proposing, new: &HashMap<Sha256, u64>) -> Result<Vec<Sha256>> {
        let digests: Vec<Sha256> = new.keys().copied().collect();
        let lease = to.make_room(new, self.hub.now().after(self.hub.settings().lease)).await?;
        match self.hub.content().lend(self.key(), lease, &digests).await {
            Ok(lent) => {
                Ok(digests.into_iter().zip(lent).filter(|(_, lent)| lent.is_none()).map(|(gone, _)| gone).collect())
            }
            Err(error) => {
                to.give_room_back(lease).await?;
                Err(error.into())
            }
        }
    }
}
