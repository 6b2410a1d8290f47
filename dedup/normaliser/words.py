"""Words that datelines, bylines and stamps are made of, casefolded: data only."""

from __future__ import annotations


def _words(text: str, separator: str | None = None) -> frozenset[str]:
    return frozenset(text.split(separator))


AGENCIES = _words(
    "aa|aap|adnkronos|afp|agencias|agence france-presse|agências|agerpres|agi|ani|ans|ansa|antara|anp|ap|"
    "apa|associated press|at|ats|belga|bloomberg|bta|bbc|bns|business wire|canadian press|cbc|cna|cnn|"
    "cnn indonesia|cp|ctk|čtk|deutsche welle|dha|dpa|dpa-afx|dow jones|dw|efe|epa|europa press|"
    "europapress|fides|globenewswire|hina|ians|iha|inter press service|interfax|ips|irna|isna|itar-tass|"
    "kna|kuna|kyodo|kyodo news|la presse canadienne|lusa|lapresse|mna|mti|notimex|novosti|ntb|pa|pap|"
    "petra|prensa latina|pressebox|prnewswire|pr newswire|prweb|pti|reuters|reuter|ria novosti|rtr|sana|"
    "sapa|sda|sid|sputnik|spa|stt|tanjug|tass|tt|tt-reuters|ukrinform|unb|upi|uni|vna|wam|wafa|xinhua|"
    "yonhap|zenit|nyt|marketwatch|marketwired|news agency of nigeria|nan|тасс|итар-тасс|риа новости|"
    "интерфакс|рейтер|укринформ|прайм|росбалт|regnum|رويترز|أ ف ب|ا ف ب|أ.ف.ب|د ب أ|د.ب.أ|وكالات|واس|"
    "سانا|وام|كونا|بترا|أ ش أ|أ.ش.أ|الأناضول|العربية|ایرنا|ایسنا|فارس|भाषा|एजेंसी|वार्ता|पीटीआई|एएनआई|"
    "आईएएनएस|新华社|新華社|中新社|中新网|中央社|共同|時事|ロイター|연합뉴스|뉴시스|뉴스1",
    "|",
)
MONTHS = _words(
    "jan january feb february mar march apr april may jun june jul july aug august sep sept september "
    "oct october nov november dec december januar februar märz maerz mrz mai juni juli okt oktober dez "
    "dezember jänner janvier févr février fevrier mars avril avr juin juil juillet août aout septembre "
    "octobre novembre déc décembre enero ene febrero abril abr mayo junio julio agosto ago septiembre "
    "setiembre set octubre noviembre diciembre dic janeiro fev fevereiro março marco maio junho julho "
    "setembro outubro out novembro dezembro gennaio gen febbraio marzo aprile maggio mag giugno giu "
    "luglio lug settembre ottobre ott dicembre januari februari maart mrt mei augustus ocak şubat mart "
    "nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık января февраля марта апреля мая июня "
    "июля августа сентября октября ноября декабря янв фев мар апр июн июл авг сен окт ноя дек يناير "
    "فبراير مارس أبريل ابريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر जनवरी फरवरी मार्च अप्रैल "
    "मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर stycznia lutego marca kwietnia maja czerwca lipca "
    "sierpnia września października listopada grudnia"
)
DATE_WORDS = MONTHS | _words(
    "mon monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun "
    "sunday montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag lundi mardi mercredi "
    "jeudi vendredi samedi dimanche lunes martes miércoles jueves viernes sábado domingo lunedì martedì "
    "mercoledì giovedì venerdì sabato domenica maandag dinsdag woensdag donderdag vrijdag zaterdag "
    "zondag pazartesi salı çarşamba perşembe cuma cumartesi pazar понедельник вторник среда четверг "
    "пятница суббота воскресенье am pm gmt utc bst est edt cst cdt mst mdt pst pdt cet cest msk ist jst "
    "et pt uhr h at um à a las of de del the on le el den г года st nd rd th today"
)
PARTICLES = _words(
    "de la le les du des del of upon am an der den di da do dos das el al und and y et e i on in st near "
    "bei sur en"
)
NOT_PLACES = _words(
    "a an the in on at by for from to as but and or if when while after before he she it they we you i "
    "this that these those there his her its our my what who why how not no yes update live exclusive "
    "breaking video photos watch der die das ein eine im in am auf le la les un une el los las il lo gli "
    "het een"
)
