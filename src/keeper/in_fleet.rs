//! What commands show and take back of a fleet.

use std::sync::Arc;

use super::Keeper;
use super::memory::ResolvedRequest;
use crate::fleet::{FleetError, Found};
use crate::token::{AccessToken, TokenIdentity};

impl Keeper {
    /// Returns the token that the fleet has for a request of this profile.
    pub(crate) async fn shared(&self, identity: TokenIdentity) -> Result<Option<AccessToken>, FleetError> {
        let request = Arc::new(ResolvedRequest { profile: self.profile(), identity });
        let Some(fleet) = self.fleet_of(&request) else { return Ok(None) };
        let Some(mut session) = self.session(&request, fleet).await? else { return Ok(None) };
        Ok(match session.look().await? {
            Found::Token { token, .. } => Some(token),
            Found::Told { beside, .. } => beside,
            _ => None,
        })
    }

    /// Takes back what the fleet has for a request of this profile; `false` if it has nothing.
    pub(crate) async fn forget_in_fleet(&self, identity: TokenIdentity) -> Result<bool, FleetError> {
        let request = Arc::new(ResolvedRequest { profile: self.profile(), identity });
        let Some(fleet) = self.fleet_of(&request) else { return Ok(false) };
        match self.session(&request, fleet).await? {
            Some(mut session) => session.forget(None).await,
            None => Ok(false),
        }
    }
}
