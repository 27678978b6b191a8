package table

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// labelNames are headers that say by themselves that a column holds labels.
var labelNames = []string{"label", "labels", "class", "target", "species", "category", "y"}

// lastNames are more words that a last column of labels is often called; they
// tell a header, and not which column holds the labels.
var lastNames = []string{"kind", "type", "variety", "diagnosis", "outcome", "result", "group"}

// errRow means that a first line that was taken for a header is a row.
var errRow = errors.New("the first line is a row of values, its word is a label below")

// head is what the first lines of a table show.
type head struct {
	names   []string // of the columns; nil without
	headed  bool     // the first line holds no values
	doubt   int      // column whose word is the only evidence of a header; -1 when there is more
	classes []string // names of the classes; nil when not given
	rows    int      // rows announced; -1 when none are
	rowName bool     // the first column has no name, as in tables of R: it names the rows
	why     string   // why the first line is taken for a header, if that is a guess
}

// readHead decides what the first row is, second being nil when there is none.
func readHead(first, second []string, opt Options) (*head, error) {
	h := &head{rows: -1, doubt: -1}
	first = trimmed(first)
	first = h.fit(first, second)
	switch {
	case opt.Header == "no":
		return h, nil
	case opt.Header == "yes":
		h.headed = true
	case opt.Header != "":
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("header is %q, want yes or no", opt.Header),
			Hint: "leave --header out to guess"}
	case second == nil:
		h.headed = !slices.ContainsFunc(first, isNumber)
	case opt.names(first):
		h.headed = true
	case h.announce(first, second):
		return h, nil
	default:
		if h.headed, h.doubt = h.isHeader(first, second); h.doubt >= 0 && opt.Like != nil {
			h.headed, h.doubt = false, -1 // the training table would have the header
		}
	}
	if !h.headed {
		h.rowName = false
		return h, nil
	}
	if second == nil {
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: no row after the header", files.ErrTruncated),
			Hint: "add the rows, or take the first line for one with --no-header"}
	}
	h.names = first
	if i, j := repeated(h.names); i >= 0 {
		return nil, &files.Error{Line: 1, Err: fmt.Errorf("%w: columns %d and %d are both called %s", files.ErrFormat, i+1,
			j+1, files.Quoted(h.names[i])),
			Hint: "name every column once; if the first line is a row of values, say --no-header"}
	}
	asked := append(append([]string{opt.Label}, opt.Drop...), opt.Keep...)
	if slices.ContainsFunc(asked, func(name string) bool { return !isNumber(name) && slices.Contains(h.names, name) }) {
		h.doubt = -1 // the user said so
	}
	return h, nil
}

// fit brings a first line of names to the number of fields of the rows: without
// empty ones at its end that the rows lack, and with an empty one at its front
// when the rows have a name of their own, as R writes them.
func (h *head) fit(first, second []string) []string {
	for second != nil && len(first) > len(second) && first[len(first)-1] == "" {
		first = first[:len(first)-1]
	}
	if second == nil || len(first) != len(second)-1 || slices.ContainsFunc(first, isNumber) {
		return first
	}
	if strings.TrimSpace(second[len(second)-1]) == "" && first[len(first)-1] != "" {
		return append(slices.Clone(first), "") // a separator at the end of every row
	}
	h.rowName = true
	return append([]string{""}, first...)
}

// announce recognizes scikit-learn's first line: rows, features, class names.
func (h *head) announce(first, second []string) bool {
	if len(first) < 4 {
		return false
	}
	rows, errRows := strconv.Atoi(first[0])
	features, errFeatures := strconv.Atoi(first[1])
	if errRows != nil || errFeatures != nil || rows < 1 || features != len(second)-1 {
		return false
	}
	names := first[2:]
	for i, n := range names {
		if n == "" || slices.Contains(names[:i], n) || isNumber(n) && len(first) == len(second) {
			return false
		}
	}
	h.headed, h.rows, h.classes = true, rows, names
	return true
}

// isHeader reports whether a first row names columns: most of the columns that
// hold numbers below have none there, it counts the columns as pandas does, its
// numbers rise in equal steps, as wavelengths do, and those below do not, or one
// is called label or the like. With numbers beside it such a word may be a label;
// unless there is a number below it, doubt is then its column, else -1.
func (h *head) isHeader(first, second []string) (header bool, doubt int) {
	if len(first) != len(second) {
		return false, -1
	}
	numbers, words, counted := 0, 0, len(first) > 4
	for i, s := range first {
		if isNumber(second[i]) {
			numbers++
			if !isNumber(s) {
				words++
			}
		}
		counted = counted && s == strconv.Itoa(i)
	}
	if counted || 2*words > numbers {
		return true, -1
	}
	if evenSteps(first) && !evenSteps(second) && (words > 0 ||
		slices.ContainsFunc(first, func(s string) bool { return !isNumber(s) })) {
		h.why = "its numbers rise in equal steps"
		return true, -1
	}
	twice, _ := repeated(first)
	for i, s := range first {
		last := i == len(first)-1 && slices.Contains(lastNames, strings.ToLower(s))
		switch {
		case !isLabelName(s) && !last || s == strings.TrimSpace(second[i]):
			continue
		case isNumber(second[i]) || !slices.ContainsFunc(first, isNumber):
			return true, -1
		case twice < 0:
			return true, i
		}
	}
	return false, -1
}

// evenSteps reports whether the numbers of a row, at least four and most of it,
// rise or fall in steps of one size.
func evenSteps(row []string) bool {
	var v []float64
	for _, s := range row {
		if f, err := usual.parse(s); err == nil {
			v = append(v, f)
		}
	}
	if len(v) < 4 || len(v) < len(row)-2 {
		return false
	}
	step := v[1] - v[0]
	for i := 1; i < len(v); i++ {
		if d := v[i] - v[i-1] - step; step == 0 || d > 1e-6*abs(step) || -d > 1e-6*abs(step) {
			return false
		}
	}
	return true
}

func abs(v float64) float64 { return max(v, -v) }

// repeated finds two columns of the same name; -1 when there are none.
func repeated(names []string) (i, j int) {
	seen := map[string]int{}
	for j, name := range names {
		if i, ok := seen[name]; ok && name != "" {
			return i, j
		}
		seen[name] = j
	}
	return -1, -1
}

func isLabelName(s string) bool {
	return slices.Contains(labelNames, strings.ToLower(strings.TrimSpace(s)))
}

func trimmed(row []string) []string {
	out := make([]string, len(row))
	for i, s := range row {
		out[i] = strings.TrimSpace(s)
	}
	return out
}
