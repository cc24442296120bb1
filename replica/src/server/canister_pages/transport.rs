//! The way of the gateway's agent to the instance: the routes for agents, in this process.

use crate::server::agents;
use crate::server::hosted::HostedInstance;
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Extension;
use axum::http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use ic_agent_of_gateway::AgentError;
use ic_agent_of_gateway::agent::HttpService;
use ic_agent_of_gateway::agent_error::TransportError;
use std::fmt;
use std::sync::{Arc, Weak};

/// The address that the agent uses. Nobody connects to it.
pub(super) const URL: &str = "http://localhost";

/// Serves an agent without a connection. It does not keep the instance from being deleted.
#[derive(Debug)]
pub(super) struct InProcess(Weak<HostedInstance>);

impl InProcess {
    pub(super) fn new(instance: &Arc<HostedInstance>) -> Self {
        Self(Arc::downgrade(instance))
    }
}

#[async_trait]
impl HttpService for InProcess {
    /// Serves a request. A request never fails because of a network, so it is not repeated.
    async fn call<'a>(
        &'a self,
        request: &'a (dyn Fn() -> Result<Request<Bytes>, AgentError> + Send + Sync),
        _max_retries: usize,
        size_limit: Option<usize>,
    ) -> Result<Response<Bytes>, AgentError> {
        let instance = self.0.upgrade().ok_or_else(|| failure("the instance has been deleted"))?;
        let routes = Router::new().nest("/api", agents::routes()).layer(Extension(instance));
        let service = TowerToHyperService::new(routes);
        let Ok(response) = service.call(request()?.map(Body::from)).await;
        let (head, body) = response.into_parts();
        let body = match size_limit {
            Some(bytes) => Limited::new(body, bytes).collect().await.map_err(failure)?,
            None => body.collect().await.map_err(failure)?,
        };
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

fn failure(error: impl fmt::Display) -> AgentError {
    AgentError::TransportError(TransportError::Generic(error.to_string()))
}
