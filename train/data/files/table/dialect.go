package table

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// dialect is how a text file writes a table.
type dialect struct {
	separator byte // ' ' for any run of blanks
	comment   rune // that begins the comments at the top; 0 for none
	skip      int  // lines before the table
	inside    int  // comments inside the table, in the last reading
	first     int  // line of the first of them
	header    []string
	fields    int // of most rows
	notes     []files.Note
}

// separators are the possible field separators, in order of preference.
const separators = ",;\t| "

// separatorNames are what --separator accepts besides single characters.
var separatorNames = map[string]byte{"comma": ',', "semicolon": ';', "tab": '\t', `\t`: '\t', "space": ' ',
	"blank": ' ', "pipe": '|'}

// nameOfSeparator names a separator in messages.
func nameOfSeparator(s byte) string {
	switch s {
	case '\t':
		return "tabs"
	case ' ':
		return "blanks"
	}
	return fmt.Sprintf("%q", string(s))
}

// parseSeparator reads the value of --separator; 0 for empty.
func parseSeparator(text string) (byte, error) {
	if s, ok := separatorNames[strings.ToLower(text)]; ok {
		return s, nil
	}
	switch {
	case text == "":
		return 0, nil
	case len(text) == 1 && text[0] < utf8.RuneSelf && text[0] != '"' && text[0] != '\n' && text[0] != '\r':
		return text[0], nil
	}
	return 0, &files.Error{Place: files.Whole, Err: fmt.Errorf("%s is no separator", files.Quoted(text)),
		Hint: "give one character with --separator, or tab, space, comma, semicolon or pipe"}
}

// sampleLines is how many lines decide the dialect.
const sampleLines = 200

// understand finds the dialect of a text from its beginning; whole says that this
// is the whole text.
func understand(head string, whole bool, asked byte) *dialect {
	lines := strings.Split(head, "\n")
	if !whole && len(lines) > 1 {
		lines = lines[:len(lines)-1]
	}
	d := &dialect{}
	if rest, ok := strings.CutPrefix(lines[0], "sep="); ok && len(rest) == 1 {
		asked, d.skip = rest[0], 1
		d.note("separator-line", "--separator", "the first line names the separator")
	}
	top := d.comments(lines)
	d.choose(d.sample(lines), asked)
	d.commentHeader(lines, top)
	d.metadata(lines)
	return d
}

func (d *dialect) note(code, flag, format string, args ...any) {
	d.notes = append(d.notes, files.Note{Level: files.Assumed, Code: code, Flag: flag, Text: fmt.Sprintf(format, args...)})
}

// sample is the lines from which fields are inferred.
func (d *dialect) sample(lines []string) (out []string) {
	for _, line := range lines[d.skip:] {
		if strings.TrimSpace(line) == "" || d.isComment(line) {
			continue
		}
		if out = append(out, line); len(out) == sampleLines {
			break
		}
	}
	return out
}

// choose takes the separator that gives most lines the same number of fields, and
// most fields numbers.
func (d *dialect) choose(sample []string, asked byte) {
	best := -1.
	for i := range len(separators) {
		s := separators[i]
		if asked != 0 {
			s = asked
		}
		fields, score := rate(sample, s)
		if score > best {
			best, d.separator, d.fields = score, s, fields
		}
		if asked != 0 {
			return
		}
	}
	for _, s := range []byte(";\t| ") {
		if d.separator == ',' && commasInNumbers(sample, s) {
			d.separator = s
			d.fields, _ = rate(sample, s)
		}
	}
}

// commasInNumbers reports whether with a separator all rows have the same number
// of fields, and commas occur only in numbers: they are then decimal marks.
func commasInNumbers(sample []string, s byte) bool {
	commas, fields := 0, 0
	for i, line := range sample {
		row := split(line, s)
		if i == 0 {
			continue // may be names
		}
		if fields == 0 {
			fields = len(row)
		}
		if len(row) != fields || fields < 2 {
			return false
		}
		for _, text := range row {
			quoted := strings.HasPrefix(strings.TrimSpace(text), `"`)
			switch {
			case quoted || !strings.Contains(text, ","):
			case !isNumber(text) || strings.HasSuffix(strings.TrimSpace(text), ","):
				return false
			default:
				commas++
			}
		}
	}
	return commas > 0
}

// rate is the number of fields in most lines under a separator, and how well it
// fits: the share of lines with as many, and the share of numbers among fields.
func rate(sample []string, s byte) (fields int, score float64) {
	counts := map[int]int{}
	for _, line := range sample {
		counts[len(split(line, s))]++
	}
	for n, lines := range counts {
		if lines > counts[fields] || lines == counts[fields] && n > fields {
			fields = n
		}
	}
	if fields < 2 {
		return 1, 0
	}
	numbers, all := 0, 0
	for _, line := range sample {
		if row := split(line, s); len(row) == fields {
			for _, text := range row {
				if text = unquote(text); isNumber(text) && (s != ',' || !strings.Contains(text, ",")) {
					numbers++
				}
				if text != "" {
					all++
				}
			}
		}
	}
	share := float64(counts[fields]) / float64(len(sample))
	return fields, share * (0.2 + float64(numbers)/float64(max(all, 1)))
}

// split splits a line at separators outside quotation marks; a run of blanks is
// one separator.
func split(line string, s byte) (fields []string) {
	quoted, from := false, 0
	for i := range len(line) {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case quoted || c != s && (s != ' ' || c != '\t'):
		case s == ' ' && from == i:
			from = i + 1
		default:
			fields = append(fields, line[from:i])
			from = i + 1
		}
	}
	if from < len(line) || s != ' ' {
		fields = append(fields, line[from:])
	}
	return fields
}

func unquote(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"' {
		return strings.ReplaceAll(text[1:len(text)-1], `""`, `"`)
	}
	return text
}

// maxMetadata bounds the lines before the table that are left out.
const maxMetadata = 50

// metadata skips lines before the table: those that have at most half as many
// fields as most rows.
func (d *dialect) metadata(lines []string) {
	if d.fields < 3 {
		return
	}
	skip := d.skip
	var first []string
	for i := d.skip; i < len(lines) && i < d.skip+maxMetadata; i++ {
		line := lines[i]
		if strings.TrimSpace(line) == "" || d.isComment(line) {
			continue
		}
		row := split(line, d.separator)
		n := len(row)
		for n > 0 && unquote(row[n-1]) == "" {
			n--
		}
		announces := len(row) >= 4 && isShortInt(unquote(row[0])) && unquote(row[1]) == fmt.Sprint(d.fields-1)
		if announces || n*2 > d.fields {
			break
		}
		skip, first = i+1, append(first, files.Quoted(line))
	}
	if skip > d.skip {
		d.note("table-text", "", "%d lines before the table are left out: %s", len(first),
			strings.Join(first[:min(len(first), 3)], ", "))
		d.skip = skip
	}
}
