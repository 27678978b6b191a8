package table

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// grouping is what numbers with marks between their digits show of the format:
// that commas are decimal marks, that they or other marks are thousands
// separators, or that both are possible.
type grouping struct {
	point, decimalComma, groupComma, groupDot, groupBlank int
	unclear, unclearDot                                   int // 1,234 and 1.234
	blank                                                 string
}

// note adds a field that may be such a number.
func (g *grouping) note(text string) {
	text = strings.TrimLeft(text, "+-")
	if text == "" || text[0] < '0' || text[0] > '9' || digits(text) {
		return
	}
	text, blank := ungrouped(text)
	if blank != "" {
		g.groupBlank, g.blank = g.groupBlank+1, blank
	}
	commas, dots := strings.Count(text, ","), strings.Count(text, ".")
	switch {
	case blank != "" && commas+dots == 1 && commas == 1: // blanks stand between thousands, and the comma does not
		g.decimalComma++
	case blank != "" && commas+dots == 1:
		g.point++
	case commas == 0 && dots == 1 && (!thousands(text, ".") || text[0] == '0'):
		g.point++
	case commas == 0 && dots == 1:
		g.unclearDot++
	case commas == 1 && dots == 0 && digits(strings.Replace(text, ",", "", 1)):
		if thousands(text, ",") && !strings.HasPrefix(text, "0") {
			g.unclear++
		} else {
			g.decimalComma++
		}
	case commas == 1 && dots >= 1 && strings.LastIndexByte(text, '.') < strings.IndexByte(text, ','):
		whole, _, _ := strings.Cut(text, ",")
		if thousands(whole, ".") {
			g.decimalComma, g.groupDot = g.decimalComma+1, g.groupDot+1
		}
	case commas >= 1:
		whole, _, _ := strings.Cut(text, ".")
		if thousands(whole, ",") {
			g.groupComma++
		}
	case dots >= 2 && thousands(text, "."):
		g.groupDot++
	}
}

// ungrouped is a number without the blanks or apostrophes between its thousands,
// and that mark; empty when it has none.
func ungrouped(text string) (without, mark string) {
	for _, mark := range groupMarks[2:] {
		whole, _, _ := strings.Cut(strings.ReplaceAll(text, ",", "."), ".")
		if strings.Contains(whole, mark) && thousands(whole, mark) {
			return strings.ReplaceAll(text, mark, ""), mark
		}
	}
	return text, ""
}

// add merges what another column shows.
func (g *grouping) add(h *grouping) {
	g.point, g.decimalComma, g.groupComma = g.point+h.point, g.decimalComma+h.decimalComma, g.groupComma+h.groupComma
	g.groupDot, g.groupBlank = g.groupDot+h.groupDot, g.groupBlank+h.groupBlank
	g.unclear, g.unclearDot = g.unclear+h.unclear, g.unclearDot+h.unclearDot
	g.blank = cmp.Or(g.blank, h.blank)
}

// doubtful reports whether only numbers such as 1.234 indicate the decimal mark.
func (g *grouping) doubtful() bool {
	return g.unclearDot > 0 && g.point+g.decimalComma+g.groupComma+g.groupDot+g.unclear == 0
}

// format decides how numbers are written; an error if that is ambiguous.
func (g *grouping) format(asked string) (format, error) {
	f := usual
	switch {
	case asked == "." || asked == ",":
		f.decimal = asked[0]
	case asked != "":
		return f, &files.Error{Place: files.Whole, Err: fmt.Errorf("the decimal mark is %s, want . or ,",
			files.Quoted(asked)), Hint: "write --decimal , or --decimal ."}
	case g.decimalComma > 0 && g.groupComma+g.point > 0:
		return f, &files.Error{Place: files.Whole,
			Err: fmt.Errorf("%w: some numbers have a decimal comma, others a decimal point", files.ErrValue),
			Hint: "write numbers in one way, leave columns out with --drop, or say which mark is decimal with " +
				"--decimal , or --decimal ."}
	case g.decimalComma > 0, g.groupDot > 0 && g.point+g.groupComma+g.unclear == 0:
		f.decimal = ','
	case g.unclear > 0 && g.groupComma+g.point == 0:
		return f, &files.Error{Place: files.Whole,
			Err: fmt.Errorf("%w: numbers such as 1,234 could have a decimal comma or thousands",
				files.ErrValue), Hint: "say which with --decimal , or --decimal ."}
	}
	switch {
	case f.decimal == '.' && g.groupComma+g.unclear > 0:
		f.group = ","
	case f.decimal == ',' && g.groupDot+g.unclearDot > 0:
		f.group = "."
	case g.groupBlank > 0:
		f.group = g.blank
	}
	return f, nil
}

// decideFormat is how numbers are written: as in the training table, else as the
// columns that may become features show; columns of labels and dropped columns are
// not considered.
func (t *table) decideFormat() (format, error) {
	if t.opt.Like != nil {
		return t.opt.Like.Columns.(*choice).format, nil
	}
	c := &choice{}
	for _, d := range t.opt.Drop {
		if i, err := t.find(d, "--drop"); err == nil {
			c.dropped = append(c.dropped, i)
		}
	}
	labels := t.likelyLabels(c)
	var all grouping
	for i := range t.survey.columns {
		if !slices.Contains(labels, i) && !slices.Contains(c.dropped, i) {
			all.add(&t.survey.columns[i].marks)
		}
	}
	f, err := all.format(t.opt.Decimal)
	if err == nil && t.opt.Decimal == "" && t.dialect != nil && t.dialect.separator != ',' && all.doubtful() {
		t.account.Assume("decimal", "--decimal",
			"numbers such as 1.234 have a decimal point, though it could stand between thousands")
	}
	return f, err
}

// likelyLabels guesses the columns of the labels before the format of numbers is
// known.
func (t *table) likelyLabels(c *choice) []int {
	if t.opt.Label != "" {
		if t.askedLabel(c) != nil {
			return nil
		}
		return c.labels
	}
	if i := t.onlyUnwanted(c); i >= 0 {
		return []int{i}
	}
	named, text, last := t.labelCandidates(c)
	text = slices.DeleteFunc(text, func(i int) bool { return t.survey.columns[i].marks != grouping{} })
	switch {
	case t.head.classes == nil && len(named) == 1:
		return named
	case t.head.classes == nil && len(text) == 1:
		return text
	case last >= 0:
		return []int{last}
	}
	return nil
}
