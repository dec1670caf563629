//! The pages of articles, the chat, setlists and moderation over HTTP, as a browser without scripts uses
//! them.

use admitone::accounts::Role;
use serde_json::json;

use super::organiser::{Browser, known};
use super::passes;
use crate::clients::{PASSWORD, account};
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

/// Returns the address without its query and fragment.
fn plain(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap()
}

on_both_databases! {
    async fn an_article_is_written_read_liked_and_deleted_by_forms(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await.id;
        let (author, reader) =
            (known(&shop, "Lee", "lee@example.com").await, known(&shop, "Kim", "kim@example.com").await);
        let (author, reader) = (Browser::of(&shop, &author), Browser::of(&shop, &reader));
        author.get(&format!("/articles/new?concert={event}")).await.shows(&[&event]);
        let mut form = vec![("key", "k1"), ("title", "<i>Encore</i>"), ("category", "REVIEW"),
            ("content", "**Loud** <script>alert(1)</script>"), ("tags", "#Live, second night"),
            ("concert", &event), ("do", "preview")];
        let seen = author.post("/articles/new", &form).await;
        seen.shows(&["<strong>Loud</strong>", "&lt;i&gt;Encore&lt;/i&gt;", "value=\"k1\""]);
        assert!(!seen.text.contains("<script>alert"), "{}", seen.text);
        author.get("/account/articles").await.shows(&["not written anything"]);
        for (place, value, said) in [(1, " ", "Title"), (3, "", "Text"), (2, "x", "Category")] {
            let good = std::mem::replace(&mut form[place].1, value);
            form[6].1 = "publish";
            let refused = author.post("/articles/new", &form).await;
            assert_eq!(refused.status, 422, "{said}");
            refused.shows(&["role=\"alert\""]);
            form[place].1 = good;
        }
        let first = author.post("/articles/new", &form).await.leads_to("/articles/");
        let again = author.post("/articles/new", &form).await.leads_to("/articles/");
        assert_eq!(first, again, "a form that is sent twice makes one");
        let at = plain(&first);

        let listed = reader.get("/articles?category=REVIEW").await;
        listed.shows(&[at, "&lt;i&gt;Encore&lt;/i&gt;", "Lee"]);
        for none in ["/articles?category=NEWS", "/articles?tag=other"] {
            assert!(!reader.get(none).await.text.contains(at), "{none}");
        }
        reader.get("/articles?tag=second-night").await.shows(&[at]);
        let page = reader.get(at).await;
        page.shows(&["<strong>Loud</strong>", "Likes: 0", &format!("/events/{event}"), "/report?kind=ARTICLE"]);
        assert!(!page.text.contains("/edit"), "{}", page.text);
        for _ in 0..2 {
            reader.post(at, &[("do", "like")]).await.leads_to(at);
        }
        reader.post(at, &[("do", "keep")]).await.leads_to(at);
        reader.get(at).await.shows(&["Likes: 1", "value=\"unlike\"", "value=\"forget\""]);
        reader.get("/account/bookmarks").await.shows(&[at]);
        shop.event().await;
        reader.get(&format!("/events/{event}/fans")).await.shows(&[at]);

        for page in [format!("{at}/edit"), "/articles/0190f5a0-7c1e-7d34-9b1f-3a5c1a2b3c4d".into()] {
            assert_eq!(reader.get(&page).await.status, 404, "{page}");
        }
        assert_eq!(reader.post(at, &[("do", "delete"), ("key", "d")]).await.status, 404);
        let change = |version| vec![("key", "e1"), ("version", version), ("title", "Encore"),
            ("category", "TALK"), ("content", "Other"), ("do", "save")];
        author.post(&format!("{at}/edit"), &change("1")).await.leads_to(at);
        let mut late = change("1");
        late[0].1 = "e2";
        let refused = author.post(&format!("{at}/edit"), &late).await;
        assert_eq!(refused.status, 409);
        refused.shows(&["changed elsewhere", "name=\"version\" value=\"2\""]);
        author.post(at, &[("do", "unpublish")]).await.leads_to(at);
        assert_eq!(reader.get(at).await.status, 404);
        author.post(at, &[("do", "delete"), ("key", "d")]).await.leads_to("/articles?notice=");
        assert_eq!(author.get(at).await.status, 404);
        let visitor = Browser::without_session(&shop);
        visitor.get("/articles/new").await.leads_to("/sign-in?back=%2Farticles%2Fnew");
    }

    async fn comments_are_written_answered_reported_and_hidden_by_forms(db: TestDb) {
        let shop = Shop::open(db).await;
        let (author, reader) =
            (known(&shop, "Lee", "lee@example.com").await, known(&shop, "Kim", "kim@example.com").await);
        let reader_id = reader.user.to_string();
        let body = json!({"title": "T", "content": "C", "category": "TALK", "isPublished": true});
        let made = author.post("/api/articles", &body).await.is(201).data;
        let at = format!("/articles/{}", made["id"].as_str().unwrap());
        let (author, reader) = (Browser::of(&shop, &author), Browser::of(&shop, &reader));
        let comments = format!("{at}/comments");
        let refused = reader.post(&comments, &[("key", "c0"), ("text", " ")]).await;
        assert_eq!(refused.status, 422);
        refused.shows(&["role=\"alert\""]);
        let form = [("key", "c1"), ("text", "One\r\n<b>two</b>")];
        let first = reader.post(&comments, &form).await.leads_to(&at);
        assert_eq!(reader.post(&comments, &form).await.location, first);
        let comment = first.split("#comment-").nth(1).unwrap();
        author.get(&at).await.shows(&["One\n&lt;b&gt;two&lt;/b&gt;", "Comments (1)"]);
        let thread = format!("{comments}/{comment}");
        let reply = [("key", "c2"), ("text", "Yes"), ("parent", comment)];
        author.post(&comments, &reply).await.leads_to(&thread);
        reader.get(&thread).await.shows(&["One\n", "Yes"]);
        shop.clock.advance_ms(1_000);
        reader.post(&thread, &[("do", "change"), ("text", "Three")]).await.leads_to(&at);
        assert_eq!(author.post(&thread, &[("do", "change"), ("text", "x")]).await.status, 404);
        author.get(&thread).await.shows(&["Three", "edited", "/report?kind=COMMENT"]);

        let report = [("kind", "COMMENT"), ("id", comment), ("key", "r"), ("back", at.as_str()),
            ("reason", "OTHER"), ("note", "")];
        author.get(&format!("/report?kind=COMMENT&id={comment}&back={at}")).await.shows(&[comment]);
        assert_eq!(author.get(&format!("/report?kind=NONE&id={comment}")).await.status, 404);
        assert_eq!(author.post("/report", &report).await.status, 422);
        let report = [report[0], report[1], ("key", "r2"), report[3], report[4], ("note", "<i>no</i>")];
        author.post("/report", &report).await.leads_to(&format!("{at}?notice=reported"));
        let late = [report[0], report[1], ("key", "r3"), report[3], report[4], report[5]];
        assert_eq!(author.post("/report", &late).await.status, 409);

        let moderator = Browser::of(&shop, &shop.admin());
        assert_eq!(author.get("/organiser/moderation").await.status, 403);
        let desk = moderator.get("/organiser/moderation").await;
        desk.shows(&["Three", "“&lt;i&gt;no&lt;/i&gt;”", "Another reason", &thread, &reader_id]);
        let mut hide = vec![("do", "hide"), ("kind", "COMMENT"), ("id", comment), ("reason", "")];
        assert_eq!(moderator.post("/organiser/moderation", &hide).await.status, 422);
        hide[3].1 = "An insult";
        moderator.post("/organiser/moderation", &hide).await.leads_to("/organiser/moderation?notice=done");
        moderator.get("/organiser/moderation").await.shows(&["No reports."]);
        let seen = author.get(&at).await;
        seen.shows(&["A moderator has hidden this comment."]);
        assert!(!seen.text.contains("Three"), "{}", seen.text);
        reader.get(&at).await.shows(&["Three", "An insult"]);
        moderator.get("/organiser/moderation?closed=on").await.shows(&["value=\"restore\"", "Three"]);
        moderator.post("/organiser/moderation", &[("do", "restore"), hide[1], hide[2]]).await.leads_to("/organiser");
        author.get(&at).await.shows(&["Three"]);

        let ban = [("key", "b"), ("person", reader_id.as_str()), ("scope", "COMMENTS"), ("days", "7"), ("reason", "Enough")];
        moderator.post("/organiser/moderation/bans", &ban).await.leads_to("/organiser/moderation");
        let refused = reader.post(&comments, &[("key", "c3"), ("text", "More")]).await;
        assert_eq!(refused.status, 403);
        let desk = moderator.get("/organiser/moderation").await;
        desk.shows(&["Enough", "Kim"]);
        let lift = desk.text.split("action=\"").find(|part| part.contains("/lift\"")).unwrap();
        moderator.post(lift.split('"').next().unwrap(), &[]).await.leads_to("/organiser/moderation");
        reader.post(&comments, &[("key", "c4"), ("text", "More")]).await.leads_to(&at);
    }

    async fn people_talk_in_a_room_by_forms(db: TestDb) {
        let shop = Shop::open(db).await;
        let (owner, guest) =
            (known(&shop, "Lee", "lee@example.com").await, known(&shop, "Kim", "kim@example.com").await);
        let guest_id = guest.user.to_string();
        let (owner, guest) = (Browser::of(&shop, &owner), Browser::of(&shop, &guest));
        let mut form = vec![("key", "k"), ("name", ""), ("description", "Who comes?")];
        assert_eq!(owner.post("/chat", &form).await.status, 422);
        form[1].1 = "<b>Row 7</b>";
        let room = owner.post("/chat", &form).await.leads_to("/chat/");
        assert_eq!(owner.post("/chat", &form).await.location, room);
        guest.get("/chat").await.shows(&["&lt;b&gt;Row 7&lt;/b&gt;", &room]);
        guest.get(&room).await.shows(&["Who comes?", "value=\"join\"", "data-live=\"false\""]);
        let messages = format!("{room}/messages");
        assert_eq!(guest.post(&messages, &[("key", "m0"), ("text", "x")]).await.status, 403);
        guest.post(&room, &[("do", "join")]).await.leads_to(&room);
        let said = [("key", "m1"), ("text", "Hi\r\n<script>x</script>")];
        guest.post(&messages, &said).await.leads_to(&room);
        guest.post(&messages, &said).await.leads_to(&room);
        let page = owner.get(&room).await;
        page.shows(&["Hi\n&lt;script&gt;x&lt;/script&gt;", "data-live=\"true\"", "Kim"]);
        assert_eq!(page.text.matches("data-seq=").count(), 1, "a message sent twice is one");
        let message = page.text.split("data-id=\"").nth(1).unwrap().split('"').next().unwrap();
        let one = format!("{messages}/{message}");
        assert_eq!(owner.post(&one, &[("do", "change"), ("text", "x")]).await.status, 403);
        guest.post(&one, &[("do", "change"), ("text", "Hello")]).await.leads_to(&room);
        owner.get(&room).await.shows(&["Hello", "edited"]);

        let report = [("kind", "MESSAGE"), ("id", message), ("key", "r"), ("reason", "SPAM")];
        owner.post("/report", &report).await.leads_to("/?notice=reported");
        let moderator = Browser::of(&shop, &shop.admin());
        moderator.get("/organiser/moderation").await.shows(&["Hello", &format!("{room}#message-{message}")]);
        let hide = [("do", "hide"), ("kind", "MESSAGE"), ("id", message), ("reason", "Spam")];
        moderator.post("/organiser/moderation", &hide).await.leads_to("/organiser/moderation");
        owner.get(&room).await.shows(&["This message was deleted."]);
        let restore = [("do", "restore"), hide[1], hide[2]];
        assert_eq!(moderator.post("/organiser/moderation", &restore).await.status, 409);

        let people = format!("{room}/people");
        owner.get(&people).await.shows(&["Kim", &guest_id, "Owner"]);
        let mut ban = vec![("do", "ban"), ("person", guest_id.as_str()), ("hours", "24"), ("reason", "Rude")];
        assert_eq!(guest.post(&people, &ban).await.status, 403);
        owner.post(&people, &ban).await.leads_to(&people);
        let shut = guest.get(&room).await;
        assert_eq!(shut.status, 403);
        ban[0].1 = "lift";
        owner.get(&format!("{people}?banned=on")).await.shows(&["Rude", "Kim"]);
        owner.post(&people, &ban).await.leads_to(&people);
        guest.post(&room, &[("do", "join")]).await.leads_to(&room);
        guest.post(&room, &[("do", "leave")]).await.leads_to("/chat?notice=");
        owner.post(&room, &[("do", "close")]).await.leads_to("/chat?notice=");
        assert_eq!(guest.get(&room).await.status, 404);
    }

    async fn fans_like_an_event_and_write_its_setlist_by_forms(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await.id;
        let (one, two) =
            (known(&shop, "Lee", "lee@example.com").await, known(&shop, "Kim", "kim@example.com").await);
        let (one, two) = (Browser::of(&shop, &one), Browser::of(&shop, &two));
        let fans = format!("/events/{event}/fans");
        let visitor = Browser::without_session(&shop);
        visitor.get(&fans).await.shows(&["Likes: 0", "No articles yet."]);
        visitor.get(&format!("/events/{event}")).await.shows(&[&fans]);
        let like = format!("/events/{event}/like");
        for _ in 0..2 {
            one.post(&like, &[("like", "on")]).await.leads_to(&fans);
        }
        one.get(&fans).await.shows(&["Likes: 1", "value=\"off\""]);
        one.get("/account/likes").await.shows(&[&fans]);
        one.post(&like, &[("like", "off")]).await.leads_to(&fans);
        visitor.get(&fans).await.shows(&["Likes: 0"]);
        let room = one.get(&format!("/events/{event}/chat")).await.leads_to("/chat/");
        assert_eq!(two.get(&format!("/events/{event}/chat")).await.location, room);

        let (page, edit) = (format!("/events/{event}/setlist"), format!("/events/{event}/setlist/edit"));
        visitor.get(&page).await.shows(&["No setlist yet."]);
        one.get(&edit).await.shows(&["name=\"title-4\"", "name=\"version\" value=\"0\""]);
        let mut form = vec![("key", "k1"), ("version", "0"), ("title-0", "First"), ("note-0", "<i>loud</i>"),
            ("title-1", ""), ("title-2", "Last"), ("encore-2", "on"),
            ("spotify-2", "https://evil.example/track/1"), ("do", "more")];
        one.post(&edit, &form).await.shows(&["name=\"title-6\"", "value=\"First\"", "checked"]);
        form[8].1 = "save";
        let refused = one.post(&edit, &form).await;
        assert_eq!(refused.status, 422);
        refused.shows(&["role=\"alert\"", "value=\"Last\""]);
        form[7].1 = "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC";
        one.post(&edit, &form).await.leads_to(&page);
        visitor.get(&page).await.shows(&["First", "&lt;i&gt;loud&lt;/i&gt;", "Encore", form[7].1, "Lee"]);
        form[0].1 = "k2";
        let late = two.post(&edit, &form).await;
        assert_eq!(late.status, 409);
        late.shows(&["changed elsewhere", "name=\"version\" value=\"1\""]);
        (form[1].1, form[2].1) = ("1", "Second");
        two.post(&edit, &form).await.leads_to(&page);
        visitor.get(&page).await.shows(&["Second", "Kim", "?version=1"]);
        visitor.get(&format!("{page}?version=1")).await.shows(&["First"]);
        let attend = format!("/events/{event}/attendance");
        assert_eq!(one.post(&attend, &[("there", "on")]).await.status, 409, "it has not begun");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fans_write_talk_and_report_in_a_browser() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    account(&shop, "admin@example.com", Role::Admin).await;
    let event = shop.event().await.id;
    let admin = json!({"email": "admin@example.com", "password": PASSWORD});
    passes("community", &shop, &json!({"admin": admin, "event": event})).await;
}

on_both_databases! {
    async fn an_organiser_says_by_a_form_what_fans_see_of_an_event(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await.id;
        let organiser = Browser::of(&shop, &shop.admin());
        let at = format!("/organiser/events/{event}/concert");
        organiser.get(&format!("/organiser/events/{event}")).await.shows(&[&at]);
        organiser.get(&at).await.shows(&["value=\"CONCERT\" selected"]);
        let mut form = vec![("key", "k1"), ("category", "FESTIVAL"), ("artists", "아이유\r\nGuest"),
            ("new_series", "Tour <2030>"), ("links", "Box office https://tickets.example.com/1"),
            ("opens", "2031-05-01T10:00"), ("poster", "x"), ("do", "save")];
        let refused = organiser.post(&at, &form).await;
        assert_eq!(refused.status, 422);
        refused.shows(&["role=\"alert\"", "Box office https://", "아이유"]);
        form[6].1 = "";
        organiser.post(&at, &form).await.leads_to(&format!("/organiser/events/{event}"));
        form[0].1 = "k2";
        form[3].1 = "";
        organiser.post(&at, &form).await.leads_to(&format!("/organiser/events/{event}"));
        let artists = shop.nobody().get("/api/artists").await.is(200).data;
        assert_eq!(artists.as_array().unwrap().len(), 2, "names that are known are taken: {artists}");
        let page = organiser.get(&at).await;
        page.shows(&["아이유\nGuest", "value=\"FESTIVAL\" selected", "Tour &lt;2030&gt;", "2031-05-01T10:00"]);
        let visitor = Browser::without_session(&shop);
        visitor.get(&format!("/events/{event}/fans")).await
            .shows(&["아이유, Guest", "https://tickets.example.com/1", "Tickets from"]);
        organiser.post(&at, &[("key", "k3"), ("do", "delete")]).await.leads_to("/organiser");
        assert!(!visitor.get(&format!("/events/{event}/fans")).await.text.contains("Guest"));
        assert_eq!(Browser::of(&shop, &shop.customer()).get(&at).await.status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_string_of_a_public_corpus_of_attacks_runs_in_a_browser() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (email, password) = ("admin@example.com", PASSWORD);
    account(&shop, email, Role::Admin).await;
    let login = json!({"email": email, "password": password});
    let session = shop.nobody().post("/api/auth/login", &login).await.is(200).data;
    let event = shop.event().await.id;
    let things = json!({"admin": login, "token": session["accessToken"], "event": event});
    passes("naughty", &shop, &things).await;
}
