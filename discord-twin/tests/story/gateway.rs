//! A gateway connection over a raw socket.

use discord_twin::Twin;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::PATIENCE;

/// A gateway connection.
pub(crate) struct Gateway {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) session: String,
    pub(crate) seq: u64,
}

impl Gateway {
    pub(crate) async fn open(url: &str) -> Self {
        let (socket, _) = connect_async(format!("{url}?v=10&encoding=json"))
            .await
            .unwrap();
        let mut gateway = Self {
            socket,
            session: String::new(),
            seq: 0,
        };
        let hello = gateway.next().await.unwrap();
        assert_eq!(hello["op"], 10);
        gateway
    }

    pub(crate) async fn identify(twin: &Twin, shard: u32, of: u32) -> Self {
        let mut gateway = Self::open(&format!(
            "{}/gateway",
            twin.base_url().replace("http", "ws")
        ))
        .await;
        gateway.send_identify(&twin.token(), shard, of).await;
        let ready = gateway.event("READY").await;
        ready["session_id"]
            .as_str()
            .unwrap()
            .clone_into(&mut gateway.session);
        gateway
    }

    pub(crate) async fn send_identify(&mut self, token: &str, shard: u32, of: u32) {
        let data = json!({"token": token, "intents": 1 | 32 | 512, "shard": [shard, of], "properties": {"os": "x"}});
        self.send(json!({"op": 2, "d": data})).await;
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    /// The next payload; the close code as the error, 0 when there is none.
    pub(crate) async fn next(&mut self) -> Result<Value, u16> {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("nothing came")
            {
                Some(Ok(Message::Text(text))) => {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    if let Some(seq) = value["s"].as_u64() {
                        self.seq = seq;
                    }
                    return Ok(value);
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(0, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    /// The data of the next event with this name.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        loop {
            let payload = self.next().await.unwrap();
            if payload["t"] == name {
                return payload["d"].clone();
            }
        }
    }
}
