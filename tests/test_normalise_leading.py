# ruff: noqa: E501, SIM905  (one text a line)
"""Where the body begins, and what is no dateline."""

import pytest

from dedup.normaliser import clean, is_stub, leading_matter

REST = "Two cables of the old harbour bridge tore on Monday, and all traffic was sent over the hill road, the port said."

DATELINES = """\
BEIRUT (Reuters) - |ANKARA, May 20 (AFP) — |WASHINGTON, D.C. – |(CNN) — |PARIS — |LONDON, March 3 - |WASHINGTON (CNN) |\
Berlin (dpa) - |(dpa) - |MOSKAU (dpa) – |МОСКВА, 20 мая - РИА Новости. |МОСКВА, 20 мая. /ТАСС/. |ANKARA (AA) - |\
PARÍS, 3 mar (EFE).- |القاهرة (رويترز) - |नई दिल्ली, 20 मई (भाषा) |Paris, 3 mars (AFP) - |(ANSA) - ROMA, 3 MAR - |\
REPUBLIKA.CO.ID, JAKARTA -- |NEW YORK, May 3 /PRNewswire/ -- |NEW YORK (AP) _ |SAN FRANCISCO--(BUSINESS WIRE)--|\
【新华社北京5月20日电】|新华社北京5月20日电|央视网消息（新闻联播）：|(東京=共同) |(서울=연합뉴스) 홍길동 기자 = |10:45 GMT |\
KANSAS CITY, MO - |Washington--|By Ann Lee\n|By Ann Lee\n\nLONDON (Reuters) - |Updated: 3 May 2016\n|\
May 3, 2016\n\n|FOR IMMEDIATE RELEASE\nContact: Ann Lee, 555-0100\n\n|CORRECTION: the toll was 12, not 14.\n\n|Reuters\n|\
Harbour bridge closed after storm\n\nBy Ann Lee\n\nLONDON (Reuters) - """.split("|")

PROSE = [
    "In Washington - the capital - ", "NATO - the alliance - said ", "Steve Jobs, the boss - said ", "U.S.-led forces said ",
    "He said: “No.” ", "I am: ", "By the time he left, ", "Well - ", "May 3 was ", "LONDON SUGAR NO.6 CLOSING - ",
    "Dec 31\n", "153.0 147.0 1504\n", "The bridge - ", "London: ", "(Laughter) ", "Dear Mr. President:\n",
]  # fmt: skip


@pytest.mark.parametrize("matter", DATELINES)
def test_leading_matter_is_skipped(matter):
    assert leading_matter(matter + REST) == len(matter)


@pytest.mark.parametrize("opening", PROSE)
def test_prose_is_not_skipped(opening):
    assert leading_matter(opening + REST) == 0


def test_wrapped_prose_does_not_lose_its_first_line():
    wrapped = "The Harbour Bank set a\nLira/Dollar rate for March 10 of 773 to the Dollar,\ndown from the previous 769."
    assert leading_matter(wrapped) == 0


def test_the_key_keeps_six_tenths_of_the_words():
    headline = "Harbour bridge closed for a week after storm damage on Monday night\n\n"
    brief = "It was so, a spokesman of the port said, and no ship sailed."
    assert leading_matter(headline + brief) == 0
    assert leading_matter(headline + brief + " " + REST) == len(headline)


def test_a_row_of_figures_under_a_month_is_no_date():
    assert leading_matter("Apr 149.25 149.25 149.50 2000 1064\n" + REST) == 0


def test_the_dateline_stays_in_the_readable_text():
    text = "BEIRUT (Reuters) - " + REST
    cleaned = clean(text)
    assert cleaned.readable is text
    assert text[cleaned.key_start :] == REST


@pytest.mark.parametrize(
    "text",
    [
        "Please enable JavaScript to view this page.",
        "You need to enable JavaScript to run this app.",
        "We use cookies to improve your experience. By continuing to browse this site you agree to our use of cookies.",
        "Subscribe to continue reading this article. Already a subscriber? Log in.",
        "404\nPage not found",
        "The page you are looking for could not be found.",
        "This content is reserved for subscribers.",
        "Access denied. Please verify you are a human.",
        "Dieser Artikel ist nur für Abonnenten. Jetzt anmelden und weiterlesen.",
        "Cet article est réservé aux abonnés.",
        "Este contenido es exclusivo para suscriptores.",
        "Этот материал доступен только подписчикам.",
        "您访问的页面不存在。",
        "この記事は会員限定です。",
        "이 기사는 유료 회원 전용입니다.",
        "BEIRUT (Reuters) -",
        "By Ann Lee",
    ],
)
def test_a_notice_in_an_articles_place_is_a_stub(text):
    assert is_stub(text)


@pytest.mark.parametrize(
    "text",
    [
        "The court ruled on Tuesday that sites must ask before they store cookies on a reader's device.",
        "JavaScript turned twenty on Friday, and its inventor looked back on ten days in May.",
        "Coast Daily will put its archive behind a paywall in June, the publisher said.",
        "“We use cookies to improve your experience”, the banner read until Monday. The regulator has now fined the port's site.",
        "Bridge closed until Friday",
        "Cookies and milk will be served at the school fair in the harbour.",
        "",
        "Page, 40, was not found guilty of the theft on Friday.",
        "Beirut calm",
        "The number of pages not found on the port's site doubled in a year, a count showed.",
    ],
)
def test_a_short_report_is_no_stub(text):
    assert not is_stub(text)
