use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

mod keys;

const NOW: u64 = 1_800_000_000;

fn jwt(key: KeyConfig) -> Jwt {
    Jwt::new(JwtConfig {
        key,
        issuer: None,
        audience: None,
    })
    .unwrap()
}

fn hs256() -> Jwt {
    jwt(KeyConfig::Hs256("secret".into()))
}

fn sign(claims: &Value) -> String {
    let key = EncodingKey::from_secret(b"secret");
    encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

fn verify(claims: &Value) -> Result<Claims, TokenError> {
    hs256().verify_at(&sign(claims), Timestamp(NOW * 1000))
}

/// Good claims with `changes` laid over them; `null` removes.
fn with(changes: Value) -> Value {
    let mut claims = json!({"userId": "u1", "username": "Ann", "exp": NOW + 60});
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    claims
}

#[test]
fn a_good_token_says_who_it_is_for() {
    let claims = verify(&with(json!({"role": "admin", "rooms": ["team:*"]}))).unwrap();
    assert_eq!(claims.identity.user.as_str(), "u1");
    assert_eq!(claims.identity.username, "Ann");
    assert!(claims.admin && !claims.guest);
    assert_eq!(claims.rooms, ["team:*"]);
    assert_eq!(claims.expires, Some(Timestamp((NOW + 60) * 1000)));
}

#[test]
fn sub_and_name_stand_in_and_the_id_is_the_last_resort_for_a_name() {
    let claims = verify(&with(
        json!({"userId": null, "username": null, "sub": "s", "name": "N"}),
    ));
    let identity = claims.unwrap().identity;
    assert_eq!(
        (identity.user.as_str(), identity.username.as_str()),
        ("s", "N")
    );
    for name in [json!(null), json!("  "), json!("a\u{7}b")] {
        assert_eq!(
            verify(&with(json!({"username": name})))
                .unwrap()
                .identity
                .username,
            "u1"
        );
    }
    assert_eq!(
        verify(&with(json!({"userId": 7})))
            .unwrap()
            .identity
            .user
            .as_str(),
        "7"
    );
}

#[test]
fn times_have_no_leeway() {
    for exp in [json!(NOW), json!(NOW - 1), json!(0)] {
        assert_eq!(
            verify(&with(json!({"exp": exp}))).unwrap_err(),
            TokenError::Expired,
            "{exp}"
        );
    }
    assert!(verify(&with(json!({"exp": NOW as f64 + 0.5}))).is_ok());
    assert!(verify(&with(json!({"nbf": NOW}))).is_ok());
    assert_eq!(
        verify(&with(json!({"nbf": NOW + 1}))).unwrap_err(),
        TokenError::Invalid
    );
}

#[test]
fn what_is_missing_or_of_a_wrong_type_is_invalid() {
    for changes in [
        json!({"exp": null}),
        json!({"exp": "soon"}),
        json!({"exp": -1}),
        json!({"userId": null}),
        json!({"userId": ""}),
        json!({"userId": true}),
        json!({"userId": "a\nb"}),
        json!({"username": 5}),
        json!({"nbf": "x"}),
        json!({"rooms": "all"}),
    ] {
        assert_eq!(
            verify(&with(changes.clone())).unwrap_err(),
            TokenError::Invalid,
            "{changes}"
        );
    }
}

#[test]
fn a_bad_token_is_invalid_even_when_it_is_also_expired() {
    let expired = with(json!({"exp": NOW - 1, "userId": null}));
    assert_eq!(verify(&expired).unwrap_err(), TokenError::Invalid);
    let stranger = jwt(KeyConfig::Hs256("another".into()));
    let token = sign(&with(json!({"exp": NOW - 1})));
    assert_eq!(
        stranger
            .verify_at(&token, Timestamp(NOW * 1000))
            .unwrap_err(),
        TokenError::Invalid
    );
}

#[test]
fn issuer_and_audience_are_checked_when_configured() {
    let strict = Jwt::new(JwtConfig {
        key: KeyConfig::Hs256("secret".into()),
        issuer: Some("me".into()),
        audience: Some("here".into()),
    });
    let strict = strict.unwrap();
    let check = |changes| {
        strict
            .verify_at(&sign(&with(changes)), Timestamp(NOW * 1000))
            .is_ok()
    };
    assert!(check(json!({"iss": "me", "aud": "here"})));
    assert!(check(json!({"iss": "me", "aud": ["there", "here"]})));
    assert!(!check(json!({"iss": "me"})));
    assert!(!check(json!({"aud": "here"})));
    assert!(!check(json!({"iss": "you", "aud": "here"})));
    assert!(!check(json!({"iss": "me", "aud": ["there"]})));
    assert!(verify(&with(json!({"iss": "any", "aud": "any"}))).is_ok());
}

#[test]
fn each_kind_of_key_verifies_its_own_tokens_only() {
    type Make = fn(String) -> KeyConfig;
    let kinds: [(Algorithm, (EncodingKey, String), Make); 3] = [
        (Algorithm::RS256, keys::rsa(), KeyConfig::Rs256),
        (Algorithm::ES256, keys::ec(), KeyConfig::Es256),
        (Algorithm::EdDSA, keys::ed(), KeyConfig::EdDsa),
    ];
    let claims = with(json!({}));
    for (algorithm, (private, public), make) in &kinds {
        let own = jwt(make(public.clone()));
        let token = encode(&Header::new(*algorithm), &claims, private).unwrap();
        let now = Timestamp(NOW * 1000);
        assert!(own.verify_at(&token, now).is_ok(), "{algorithm:?}");
        assert!(own.verify_at(&sign(&claims), now).is_err());
        assert!(hs256().verify_at(&token, now).is_err());
        // The classic attack: the public key taken for a secret.
        let secret = EncodingKey::from_secret(public.as_bytes());
        let forged = encode(&Header::new(Algorithm::HS256), &claims, &secret).unwrap();
        assert!(own.verify_at(&forged, now).is_err());
    }
}

#[test]
fn a_key_set_finds_the_key_by_its_id_and_holds_no_secrets() {
    let (private, public) = keys::ed();
    let x = keys::ed_x(&public);
    let set = json!({"keys": [
        {"kty": "oct", "kid": "s", "k": "c2VjcmV0"},
        {"kty": "OKP", "crv": "Ed25519", "use": "enc", "kid": "e", "x": x},
        {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "k", "x": x},
    ]});
    let jwks = jwt(KeyConfig::Jwks(set.to_string()));
    let now = Timestamp(NOW * 1000);
    let token = |kid: Option<&str>| {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = kid.map(str::to_owned);
        encode(&header, &with(json!({})), &private).unwrap()
    };
    assert!(jwks.verify_at(&token(Some("k")), now).is_ok());
    assert!(jwks.verify_at(&token(None), now).is_ok());
    assert!(jwks.verify_at(&token(Some("e")), now).is_err());
    assert!(jwks.verify_at(&sign(&with(json!({}))), now).is_err());
}

#[test]
fn unusable_keys_are_refused_at_the_start() {
    let config = |key| JwtConfig {
        key,
        issuer: None,
        audience: None,
    };
    for key in [
        KeyConfig::Hs256(String::new()),
        KeyConfig::Rs256("x".into()),
        KeyConfig::Es256(keys::ed().1),
        KeyConfig::Jwks("{}".into()),
        KeyConfig::Jwks(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#.into()),
    ] {
        assert!(Jwt::new(config(key.clone())).is_err(), "{key:?}");
    }
}

#[test]
fn garbage_is_invalid() {
    let none = "eyJhbGciOiJub25lIn0.eyJ1c2VySWQiOiJ1IiwiZXhwIjoxOTAwMDAwMDAwfQ.";
    let long = "a".repeat(MAX_TOKEN + 1);
    for token in ["", ".", "a.b.c", none, &long] {
        assert_eq!(hs256().verify(token).unwrap_err(), TokenError::Invalid);
    }
}

#[test]
fn a_generated_token_is_good() {
    let rooms = ["a*".to_owned()];
    let new = NewToken {
        user: "u",
        username: Some("U"),
        lifetime: Duration::from_secs(60),
        admin: true,
        rooms: &rooms,
        issuer: None,
        audience: None,
    };
    let claims = hs256().verify(&gen_token("secret", &new).unwrap()).unwrap();
    assert_eq!(claims.identity.username, "U");
    assert!(claims.admin);
    assert_eq!(claims.rooms, rooms);
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let config = JwtConfig {
        key: KeyConfig::Hs256("hunter2".into()),
        issuer: None,
        audience: None,
    };
    assert!(!format!("{config:?}").contains("hunter2"));
}
