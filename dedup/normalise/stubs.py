"""Bodies that stand for an article that is not there: paywalls, cookie and JavaScript notices, error pages."""

from __future__ import annotations

import re

from dedup.normalise.leading import is_dateline_alone
from dedup.normalise.lines import count_unspaced

_LONGEST = 900  # characters
_WORDS = 90
_SHARE = 0.5  # of the words that must stand in sentences of a notice
_SENTENCE = re.compile(r"[^.!?。！？\n]+(?:[.!?。！？]+|\n|$)")
# Notices speak to the reader and of this page; each pattern opens its sentence, so that a report about
# cookies, paywalls or JavaScript does not match.
_NOTICE = re.compile(
    r"(?:(?:sorry|oops|error|notice|attention|warning|please note)\b[\s,:!-]*)?(?:"
    # English
    r"(?:please |you (?:need|have) to |you must |to \w+ \w+ \w+,? (?:please )?)?(?:enable|turn on|activate|allow) (?:javascript|cookies|js)\b"
    r"|(?:your browser (?:does not|doesn't) support|javascript (?:is (?:disabled|required|not enabled|turned off)|must be enabled)|it (?:looks like|seems|appears)(?: that)? (?:javascript|you|your browser))\b"
    r"|(?:we(?: and our (?:\d+ )?partners)?|this (?:site|website|page|web site)|our (?:site|website)|the guardian|\w+\.com) uses? (?:\w+ ){0,4}cookies\b"
    r"|by (?:continuing|clicking|using|browsing|closing|accepting)\b.*\b(?:cookies?|privacy|terms|site|website|page|you (?:agree|accept|consent))\b"
    r"|(?:cookies (?:help us|are used on this|allow us|enable us)|(?:accept|manage|reject)(?: all)? cookies|you can (?:change|manage|withdraw|find out|opt|read)\b.*\b(?:settings|cookies?|preferences|consent|policy)|for more information,? (?:please )?(?:see|read|visit) our)"
    r"|(?:please )?(?:subscribe|sign (?:in|up)|log ?in|register|become a (?:member|subscriber)|create (?:a|an)(?: free)? account|start your (?:free )?trial)\b.{0,60}\b(?:continue|read|access|unlock|view|article|story|content|full|unlimited|account|subscri\w+|trial)\b"
    r"|(?:to (?:continue|read|view|access|unlock|keep) (?:reading|the (?:full|rest|entire|complete)|this|more|full)\b)"
    r"|(?:this|the|full) (?:content|article|story|page|premium content|feature|access)(?: \w+)? (?:is (?:(?:only |exclusively )?(?:available|reserved|for)(?: \w+)? (?:to|for|subscribers|members)|for (?:subscribers|members)|premium|locked|behind)|requires a (?:subscription|login)|can only be (?:read|accessed))"
    r"|(?:already (?:a|an|have) (?:\w+ )?(?:subscriber|member|account|registered|subscription|subscribed)|subscribers? (?:only|login|sign in)|(?:premium|exclusive) (?:content|article)s?(?: for \w+)?[.!]?$|you(?:'ve| have) (?:reached|read|used|exceeded) (?:your|all|the)\b.*\b(?:limit|articles|free|month|stories))"
    r"|(?:(?:404|403|500|502|503)\b|(?:page|article|file|story|content) (?:not found|cannot be found|unavailable|no longer (?:available|exists))|(?:the|this) (?:page|article|story|content|url|link|video|resource|file)(?: (?:you|that|which) .{0,40}?)? (?:(?:could|can) ?not be (?:found|displayed|loaded)|does not exist|doesn't exist|was not found|is (?:no longer|not|currently un) ?available|may have been (?:moved|deleted|removed)|has (?:been (?:moved|removed|deleted)|moved|expired)))"
    r"|(?:we (?:can't|cannot|couldn't|could not|are unable to|were unable to) (?:seem to )?find (?:the|that|this) (?:page|article|story|content))"
    r"|(?:access (?:denied|to this page)|you (?:don't|do not) have permission|checking your browser|(?:please )?(?:verify|confirm) (?:that )?you are (?:a |not a )?(?:human|robot)|are you a (?:robot|human)|(?:please )?complete the (?:captcha|security check)|(?:too many|unusual) (?:requests|traffic)|(?:service|temporarily) unavailable|attention required|ddos protection|just a moment|(?:this|our) (?:site|website|content|service) is (?:currently )?(?:unavailable|not available|down)(?: (?:in|for|to|due|because)\b.*)?$|(?:our|this) (?:website|site|content) is (?:currently )?(?:unavailable|not available) in)"
    r"|(?:please )?(?:disable|turn off|whitelist|pause) (?:your )?ad ?-?block|we(?:'ve| have)? (?:noticed|detected|see)\b.{0,30}\bad ?-?block"
    r"|(?:loading|please wait|redirecting)\b.{0,20}$|(?:blah[ ,]*){2,}|lorem ipsum\b"
    # German
    r"|(?:bitte )?(?:aktivieren|schalten) sie (?:bitte )?(?:javascript|cookies)|javascript (?:ist|muss)\b|(?:diese (?:seite|website|webseite)|wir|unsere (?:seite|website)) (?:verwende[nt]|nutz(?:t|en)|setz(?:t|en)) (?:\w+ ){0,2}cookies"
    r"|(?:jetzt |bitte )?(?:abonnieren|anmelden|einloggen|registrieren)\b.{0,60}(?:weiterlesen|lesen|artikel|zugang)|(?:dieser (?:artikel|inhalt|beitrag)|der (?:artikel|inhalt)) (?:ist (?:nur |exklusiv )?(?:für (?:\S+ )?(?:abonnenten|mitglieder)|abonnenten)|existiert nicht|ist nicht (?:mehr )?verfügbar)|(?:seite|artikel) (?:nicht gefunden|existiert nicht)|die (?:von ihnen )?(?:\w+ )?seite (?:wurde nicht|existiert|konnte nicht)|um (?:den artikel|weiterzulesen|diesen artikel|den ganzen)|(?:sie sind|bereits) (?:bereits )?abonnent|mit der nutzung (?:dieser|unserer)"
    # French
    r"|(?:veuillez )?activer? (?:le )?(?:javascript|les cookies)|(?:ce site|nous|notre site) utilis(?:e|ons) (?:des |les )?cookies|en (?:poursuivant|continuant) (?:votre|à)\b|(?:cet article|ce contenu|la suite(?: de cet article)?|article) (?:est )?(?:réservée?s?|accessible) (?:à|aux) (?:nos |seuls )?abonnés|il vous reste\b.{0,40}\bà lire|(?:la )?page (?:non trouvée|introuvable|n'existe|que vous)\b|(?:déjà|vous êtes) abonné|abonnez-vous (?:pour|afin|dès)|pour (?:lire|continuer|accéder)\b.{0,40}\b(?:article|lecture|contenu|abonne\w*)|identifiez-vous|connectez-vous"
    # Spanish, Portuguese, Italian
    r"|(?:por favor,? )?(?:active|activa|habilite|habilita|ative|attiva|abilita) (?:el |o )?(?:javascript|las cookies|os cookies|i cookie)|(?:este (?:sitio|site)(?: web)?|esta (?:web|página)|utilizamos|usamos|utilizziamo|questo sito) (?:\w+ ){0,2}(?:cookies?)\b|al (?:continuar|navegar)\b.*\bcookies|(?:este|esta) (?:artículo|contenido|noticia|conteúdo|matéria|notícia|conteúdo) (?:es|é|está) (?:\w+ ){0,2}(?:para|exclusiv[oa]|reservad[oa])\b.{0,30}(?:suscriptores|assinantes|subscritores)|(?:contenido|conteúdo|contenuto) (?:exclusivo|esclusivo|riservato|reservado)\b.{0,20}(?:suscriptores|assinantes|abbonati)|página (?:no|não) encontrada|pagina non trovata|la (?:página|pagina) (?:que|solicitada|richiesta|che)\b.{0,40}(?:no existe|no se|non esiste|non è|no está)|(?:suscríb\w+|assine|abbonati|regístrate|inicia sesión|faça login|accedi|iscriviti) (?:para|por|agora|ora|per|y|e|o)\b|(?:para|per) (?:seguir|continuar|continuare|leer|ler|leggere)\b.{0,40}(?:leyendo|lendo|leggere|artículo|artigo|articolo|matéria|suscri\w+)|(?:ya es|ya eres|¿ya eres|já é|sei già) (?:suscriptor|assinante|abbonato)|l'articolo completo è|(?:questo|l')\s?(?:articolo|contenuto) è (?:riservato|disponibile solo)"
    # Dutch, Turkish, Polish
    r"|(?:schakel|zet) javascript|(?:deze (?:site|website)|wij|onze site) (?:maakt gebruik van|maken gebruik van|gebruik(?:t|en)) (?:\w+ )?cookies|(?:pagina|artikel) niet gevonden|(?:dit artikel|deze inhoud) is (?:alleen|exclusief)\b|(?:lütfen )?(?:javascript|çerez)\S* (?:etkinleştir|aktif|aç)|(?:sitemizde|bu (?:site|web sitesi)|web sitemizde)\b.{0,60}(?:çerez|cookie)|(?:aradığınız )?sayfa bulunamadı|bu (?:içerik|haber|yazı) (?:sadece |yalnızca )?abone|okumaya devam etmek için|(?:ta|nasza) strona (?:używa|korzysta z) (?:plików )?cookies|strona nie (?:została znaleziona|istnieje)|(?:ten artykuł|treść) (?:jest )?(?:dostępn\w+ )?(?:tylko )?dla (?:subskrybentów|prenumeratorów)|włącz javascript"
    # Russian, Arabic, Persian, Hindi
    r"|(?:пожалуйста, )?включите (?:javascript|поддержку|cookie)|(?:этот|наш|данный) сайт использует (?:файлы )?(?:cookie|куки)|мы используем (?:файлы )?(?:cookie|куки)|(?:продолжая|оставаясь)\b.{0,60}(?:cookie|куки|согла)|страница не (?:найдена|существует)|(?:этот|данный)?\s?(?:материал|статья|контент) доступ\w+ (?:только )?(?:по подписке|подписчикам|для подписчиков)|(?:оформите|купите) подписку\b|чтобы (?:читать|продолжить) "
    r"|(?:يرجى|الرجاء) (?:تفعيل|تمكين|تسجيل الدخول|الاشتراك)|(?:يستخدم (?:هذا )?الموقع|نستخدم|نحن نستخدم) ملفات|(?:الصفحة|المقال|المحتوى)\b.{0,30}(?:غير موجود|غير متاح|للمشتركين)|هذا المحتوى (?:متاح|مخصص) (?:فقط )?للمشتركين|صفحه (?:مورد نظر )?(?:یافت|پیدا) نشد"
    r"|(?:कृपया )?(?:जावास्क्रिप्ट|javascript) (?:सक्षम|चालू|इनेबल)|(?:यह|हमारी) (?:वेबसाइट|साइट) कुकीज़?|पेज नहीं मिला|यह (?:लेख|सामग्री) केवल (?:सदस्यों|सब्सक्राइबर)"
    # Chinese, Japanese, Korean, Thai
    r"|(?:请|請)(?:启用|开启|打开|啟用|開啟|登录|登入|先登录|订阅|訂閱).{0,20}(?:javascript|cookie|阅读|閱讀|查看|继续|繼續|账号|后)|本(?:网站|站|網站)使用\s?cookie|(?:您|你)(?:访问|要找|查找|所访问|訪問|要訪問)的(?:页面|内容|網頁|頁面).{0,12}(?:不存在|已删除|找不到|已刪除)|(?:页面|頁面|网页|文章)(?:不存在|未找到|找不到|已删除|已被删除)|(?:本文|此内容|该内容|本内容).{0,6}(?:仅限|僅限|仅供|为付费|需付费).{0,8}"
    r"|(?:javascript|cookie|クッキー)を(?:有効|オン|オンに)|(?:当|この)(?:サイト|ウェブサイト)(?:では|は).{0,10}(?:cookie|クッキー)|(?:お探しの|ご指定の|指定された)?(?:ページ|記事)(?:が|は)(?:見つかり|存在し|削除)|(?:この|こちらの)(?:記事|コンテンツ)は(?:有料)?会員(?:限定|専用)|(?:続き|全文)(?:を(?:読む|お読み|ご覧)|は).{0,12}(?:会員|登録|ログイン)|(?:残り|残り：?)\d+文字"
    r"|(?:자바스크립트|javascript)를? (?:활성화|사용)|(?:이|본) (?:사이트|웹사이트)는 쿠키|(?:요청하신 )?페이지를 찾을 수 없|(?:이|본) (?:기사|콘텐츠)는 (?:유료|회원|구독자)|(?:로그인|구독)(?:이 필요| 후 )|(?:กรุณา|โปรด)เปิดใช้งาน|ไม่พบหน้า|(?:เว็บไซต์นี้|เรา)ใช้คุกกี้"
    r")",
    re.IGNORECASE,
)


def is_stub(readable: str) -> bool:
    """Tell a notice that stands in an article's place: a paywall, cookie, JavaScript or error notice.

    At least half of the words of a text of at most 90 words must stand in sentences that open like a
    notice to the reader. A dateline or byline alone is a stub too. Reports *about* such things are not.

    Examples
    --------
    >>> is_stub("Please enable JavaScript to view this page.")
    True
    >>> is_stub("The court ruled on Tuesday that sites must ask before they store cookies.")
    False
    """
    if len(readable) > _LONGEST:
        return False
    if is_dateline_alone(readable):
        return True
    total = covered = 0
    for sentence in _SENTENCE.findall(readable):
        words = len(sentence.split()) + count_unspaced(sentence) // 2
        total += words
        if _NOTICE.match(sentence.lstrip(" \t\"'“”‘’*•-–—:»›").replace("’", "'")):
            covered += words
    return 0 < total <= _WORDS and covered >= _SHARE * total
