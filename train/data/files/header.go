package files

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// labelNames are headers that say by themselves that a column holds labels.
var labelNames = []string{"label", "labels", "class", "target", "species", "category", "y"}

// lastNames are more words that a last column of labels is often called; they
// tell a header, and not which column holds the labels.
var lastNames = []string{"kind", "type", "variety", "diagnosis", "outcome", "result", "group"}

// errRow says that a first line which was taken for names is a row.
var errRow = errors.New("the first line is a row of values, its word is a label below")

// readHeader decides what the first row is, second being nil when there is none.
func (c *columns) readHeader(first, second []string, opt TableOptions) error {
	c.rows, c.doubt = -1, -1
	switch {
	case opt.Header == "no":
		return nil
	case opt.Header == "yes":
		c.headed = true
	case opt.Header != "":
		return &Error{Place: Whole, Err: fmt.Errorf("header is %q, want yes or no", opt.Header), Hint: "leave --header out to guess"}
	case second == nil:
		c.headed = !slices.ContainsFunc(first, isNumber)
	case opt.Like != nil && opt.Like.columns.namedBy(first):
		c.headed = true
	case c.announce(first, second):
		return nil
	default:
		if c.headed, c.doubt = isHeader(first, second); c.doubt >= 0 && opt.Like != nil {
			c.headed, c.doubt = false, -1 // the training table would have the names
		}
	}
	if !c.headed {
		return nil
	}
	if second == nil {
		return &Error{Place: Whole, Err: fmt.Errorf("%w: no row after the header", ErrTruncated), Hint: "add the rows, or take the first line for one with --header no"}
	}
	c.header = trimmed(first)
	if i, j := repeated(c.header); i >= 0 {
		return &Error{Line: 1, Err: fmt.Errorf("%w: columns %d and %d are both called %s", ErrFormat, i+1, j+1, quoted(c.header[i])),
			Hint: "name every column once; if the first line is a row of values, say --header no"}
	}
	asked := append([]string{opt.Label}, opt.Drop...)
	if slices.ContainsFunc(asked, func(name string) bool { return !isNumber(name) && slices.Contains(c.header, name) }) {
		c.doubt = -1 // the user knows the names
	}
	return nil
}

// announce recognises scikit-learn's first line: rows, features, class names.
func (c *columns) announce(first, second []string) bool {
	if len(first) < 4 {
		return false
	}
	rows, errRows := strconv.Atoi(first[0])
	features, errFeatures := strconv.Atoi(first[1])
	if errRows != nil || errFeatures != nil || rows < 1 || features != len(second)-1 {
		return false
	}
	names := trimmed(first[2:])
	for i, n := range names {
		if n == "" || slices.Contains(names[:i], n) || isNumber(n) && len(first) == len(second) {
			return false
		}
	}
	c.headed, c.rows, c.classes = true, rows, names
	return true
}

// isHeader reports whether a first row names columns: most of the columns that
// hold numbers below have none there, it counts the columns as pandas does, or
// one is called label or the like. With numbers beside it such a word may be a
// label; unless there is a number below it, doubt is then its column, else -1.
func isHeader(first, second []string) (header bool, doubt int) {
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
	names := trimmed(first)
	twice, _ := repeated(names)
	for i, s := range names {
		last := i == len(names)-1 && slices.Contains(lastNames, strings.ToLower(s))
		switch {
		case !isLabelName(s) && !last || s == strings.TrimSpace(second[i]):
			continue
		case isNumber(second[i]) || !slices.ContainsFunc(names, isNumber):
			return true, -1
		case twice < 0:
			return true, i
		}
	}
	return false, -1
}

// namedBy reports whether a row holds the names of all features.
func (c *columns) namedBy(row []string) bool {
	row = trimmed(row)
	return c.header != nil && !slices.ContainsFunc(c.features, func(i int) bool { return !slices.Contains(row, c.header[i]) })
}

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
