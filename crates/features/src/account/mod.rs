//! `auth-refresh`: a new token before the old one ends.

mod events;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use starling_kernel::{
    error::{AppError, Code},
    feature::{Call, Command, Feature, Reply, Routes, Services, reply},
};

pub(crate) struct Account {
    services: Arc<Services>,
}

#[derive(Deserialize)]
struct Refresh {
    token: String,
}

impl Command for Refresh {}

impl Account {
    pub(crate) fn new(services: Arc<Services>) -> Self {
        Self { services }
    }

    /// Only for the same user: a connection never changes hands.
    async fn refresh(self: Arc<Self>, call: Call<Refresh>) -> Reply {
        let refused = |text: String| AppError::new(Code::NotAuthorized, text);
        let claims = self
            .services
            .tokens
            .verify(&call.command.token)
            .map_err(|e| refused(e.to_string()))?;
        let before = call.session.claims();
        if before.guest || claims.identity.user != before.identity.user {
            return Err(refused("Invalid token".into()));
        }
        let expires = claims.expires;
        call.session.set_claims(claims);
        reply(json!({"expiresAt": expires}))
    }
}

impl Feature for Account {
    fn routes(self: Arc<Self>, routes: &mut Routes) {
        for namespace in crate::NAMESPACES {
            routes.on(namespace, &events::REFRESH, &self, Self::refresh);
        }
    }
}
