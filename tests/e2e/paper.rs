//! A record on paper: A4, its values and nothing of the screen around it.

use crate::house::{LIN_YUE, Server, Tablet};

#[tokio::test]
async fn a_record_is_printed_as_its_form_and_nothing_else() {
    let server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    tablet.link("接待").tap().await;
    tablet.button("登记来访").tap().await;
    tablet.field("姓名").fill("王雨桐").await;
    tablet.field("联系电话").fill("139 5710 4826").await;
    tablet.radio("参观咨询").tap().await;
    // Of two questions with yes and no, the one that has to be answered.
    tablet.tap_first("#field-is_first_visit [role=radio]", &[], &[]).await;
    // What is scrolled to lies above the save button.
    tablet.run("document.querySelector('#field-privacy_ack').scrollIntoView({ block: 'nearest' })", vec![]).await;
    tablet.checkbox("已告知个人信息的用途").tap().await;
    tablet.button("保存").tap().await;
    tablet.button("王雨桐").tap().await;
    tablet.text("139 5710 4826").shown().await;
    let visit = tablet.run("return new URLSearchParams(location.search).get('visit')", vec![]).await;

    tablet.place(&format!("/paper/{}", visit.as_str().unwrap())).await;
    tablet.button("打印").shown().await;
    let on_paper = tablet.reads_on_paper().await;
    for line in
        ["松风体育", "未来店", "来访登记", "王雨桐", "139 5710 4826", "参观咨询", "林悦", "已告知个人信息的用途"]
    {
        assert!(on_paper.contains(line), "{line} is not on paper:\n{on_paper}");
    }
    for line in ["外拓", "客户", "更多", "全部已送达"] {
        assert!(!on_paper.contains(line), "{line} of the screen is on paper:\n{on_paper}");
    }
    let pdf = tablet.printed().await;
    let pages = pages(&pdf);
    assert_eq!(pages.len(), 1, "{pages:?}");
    // Points: A4 is 210 x 297 mm.
    for (wide, high) in pages {
        assert!((wide - 595.28).abs() < 2.0 && (high - 841.89).abs() < 2.0, "{wide} x {high}");
    }
}

/// How large each page of a document is, in points.
pub fn pages(pdf: &[u8]) -> Vec<(f64, f64)> {
    let text = String::from_utf8_lossy(pdf);
    let boxes = text.match_indices("/MediaBox [").map(|(at, mark)| &text[at + mark.len()..]);
    let sides = boxes.filter_map(|rest| rest.split_once(']')).map(|(sides, _)| {
        let sides: Vec<f64> = sides.split_whitespace().filter_map(|side| side.parse().ok()).collect();
        (sides[2] - sides[0], sides[3] - sides[1])
    });
    sides.collect()
}
