//! What Discord refuses in a body, checked here by hand, and with the feature `openapi` against its description as well.

pub(crate) mod commands;
pub(crate) mod components;
pub(crate) mod message;
#[cfg(feature = "openapi")]
pub(crate) mod openapi;

/// Says of a message what Discord would refuse of it, without a server around.
#[derive(Debug, Default)]
pub struct Judge {
    #[cfg(feature = "openapi")]
    spec: Option<std::sync::Arc<openapi::Spec>>,
}

impl Judge {
    /// A judge who has read Discord's description too. Where it cannot be read, that is logged and the checks
    /// by hand are all.
    #[cfg(feature = "openapi")]
    pub fn with(openapi: &std::path::Path) -> Self {
        Self {
            spec: openapi::Spec::load(openapi),
        }
    }

    /// What is wrong with the body of Execute Webhook that comes with so many files.
    pub fn fault(&self, body: &serde_json::Value, files: usize) -> Option<String> {
        let around = message::Around {
            files,
            ..message::Around::default()
        };
        let refused = message::message(message::Kind::ExecuteWebhook, body, around).err();
        let refused = refused.map(|refusal| format!("{refusal:?}"));
        #[cfg(feature = "openapi")]
        let refused = refused.or_else(|| {
            let post = axum::http::Method::POST;
            let spec = self.spec.as_ref()?;
            spec.request(&post, "/webhooks/{id}/{token}", body)
        });
        refused.or_else(|| {
            let silent = message::names_mentions(body);
            (!silent).then(|| "it leaves to Discord's defaults who is pinged".to_owned())
        })
    }
}

/// The length as Discord counts: characters after trimming.
pub(crate) fn length(text: &str) -> usize {
    text.trim().chars().count()
}
