package files

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// columns is what the first lines of a table say of it.
type columns struct {
	count    int      // fields a row
	header   []string // names; nil without
	headed   bool     // the first line holds no values
	doubt    int      // column whose word alone makes the first line names; -1 when more does
	classes  []string // names of the classes; nil when labels name themselves
	rows     int      // rows announced; -1 when none are
	label    int
	features []int
	dropped  []int
}

// name is a column for people.
func (c *columns) name(i int) string {
	if i < len(c.header) && c.header[i] != "" {
		return c.header[i]
	}
	return "no name"
}

// understand decides what the first two rows are, second being nil when there
// is none, and which columns hold what.
func (c *columns) understand(first, second []string, opt TableOptions) error {
	if err := c.readHeader(first, second, opt); err != nil {
		return err
	}
	values := first
	if c.headed {
		values = second
	}
	c.count = len(values)
	if c.header != nil && len(c.header) != c.count {
		return &Error{Line: 1, Err: fmt.Errorf("%w: %d names over %d fields", ErrFormat, len(c.header), c.count), Hint: "name every column once"}
	}
	if opt.Like != nil {
		return c.follow(opt.Like.columns)
	}
	if err := c.drop(opt.Drop); err != nil {
		return err
	}
	if err := c.findLabel(values, opt.Label); err != nil {
		return err
	}
	for i := range c.count {
		if i != c.label && !slices.Contains(c.dropped, i) {
			c.features = append(c.features, i)
		}
	}
	if len(c.features) == 0 {
		return &Error{Line: 1, Err: fmt.Errorf("%w: no column of features", ErrFormat), Hint: "a table needs numbers and a column of labels"}
	}
	return nil
}

// follow takes the columns of the training table: by name when both have names,
// else by place.
func (c *columns) follow(train *columns) error {
	lacks := func(i int) error {
		e := &Error{Line: 1, Err: fmt.Errorf("%w: there is no column %d (%s) of the training table", ErrFormat, i+1, train.name(i)), Hint: "give both tables the same columns"}
		if i == train.label {
			e.Err = fmt.Errorf("%w: the column of the labels is not there, column %d (%s) of the training table", ErrFormat, i+1, train.name(i))
			e.Hint = "add the labels; or read the training table alone, by its own path: some of its rows are held out then"
		}
		return e
	}
	if c.header == nil || train.header == nil {
		switch {
		case c.count == train.count-1:
			return lacks(train.label)
		case c.count != train.count:
			return &Error{Line: 1, Err: fmt.Errorf("%w: %d fields, the training table has %d", ErrFormat, c.count, train.count), Hint: "give both tables the same columns"}
		}
		c.label, c.features, c.dropped = train.label, train.features, train.dropped
		return nil
	}
	here := map[string]int{}
	for i, name := range c.header {
		here[name] = i
	}
	var ok bool
	if c.label, ok = here[train.header[train.label]]; !ok {
		return lacks(train.label)
	}
	for _, i := range train.features {
		place, ok := here[train.header[i]]
		if !ok {
			return lacks(i)
		}
		c.features = append(c.features, place)
	}
	for i := range c.count {
		if i != c.label && !slices.Contains(c.features, i) {
			c.dropped = append(c.dropped, i)
		}
	}
	return nil
}

// drop leaves out what was asked for, and pandas' index of rows: a first column
// without a name among named ones.
func (c *columns) drop(asked []string) error {
	if c.count > 1 && c.header != nil && c.header[0] == "" && !slices.Contains(c.header[1:], "") {
		c.dropped = append(c.dropped, 0)
	}
	for _, a := range asked {
		i, err := c.find(a, "--drop")
		if err != nil {
			return err
		}
		c.dropped = append(c.dropped, i)
	}
	return nil
}

// findLabel chooses the column of the labels: the one asked for, else the one
// whose header says so, else the only one of text, else the last.
func (c *columns) findLabel(values []string, asked string) (err error) {
	if asked != "" {
		c.label, err = c.find(asked, "--label")
		return err
	}
	var named, text []int
	for i, v := range values {
		switch {
		case slices.Contains(c.dropped, i):
			continue
		case c.header != nil && isLabelName(c.header[i]):
			named = append(named, i)
		}
		if !isNumber(v) && !missing(v) {
			text = append(text, i)
		}
		c.label = i // the last one
	}
	if len(named) > 1 && slices.ContainsFunc(c.header, func(h string) bool { return strings.EqualFold(h, "x") }) {
		named = slices.DeleteFunc(named, func(i int) bool { return strings.EqualFold(c.header[i], "y") }) // coordinates
	}
	switch {
	case c.classes != nil:
		c.label = c.count - 1
	case len(named) == 1:
		c.label = named[0]
	case len(named) > 1:
		return &Error{Line: 1, Err: fmt.Errorf("%w: columns %d and %d, %s and %s, both look like labels", ErrFormat, named[0]+1, named[1]+1, quoted(c.name(named[0])), quoted(c.name(named[1]))),
			Hint: "choose one with --label, and leave the other out with --drop where it says the same"}
	case len(text) == 1:
		c.label = text[0]
	case len(text) > 1:
		return &Error{Line: 1, Err: fmt.Errorf("%w: columns %d and %d are text, features must be numbers", ErrFormat, text[0]+1, text[1]+1),
			Hint: "name the column of the labels with --label, and leave others out with --drop; both take a name or a number"}
	}
	return nil
}

// find resolves a column by name, number from 1, or "last".
func (c *columns) find(asked, flag string) (int, error) {
	if i := slices.Index(c.header, asked); i >= 0 {
		return i, nil
	}
	if i := slices.IndexFunc(c.header, func(h string) bool { return strings.EqualFold(h, asked) }); i >= 0 {
		return i, nil
	}
	if asked == "last" {
		return c.count - 1, nil
	}
	i, err := strconv.Atoi(asked)
	if err != nil || i < 1 || i > c.count {
		known := fmt.Sprintf("give %s a number from 1 to %d", flag, c.count)
		if c.header != nil {
			known += ", or one of: " + joined(c.header)
		}
		return 0, &Error{Line: 1, Err: fmt.Errorf("%w: there is no column %s", ErrFormat, quoted(asked)), Hint: known}
	}
	return i - 1, nil
}

// how says what was understood.
func (c *columns) how() string {
	text := fmt.Sprintf("%d features; labels in column %d of %d", len(c.features), c.label+1, c.count)
	switch {
	case c.header != nil:
		text += fmt.Sprintf(" (%s)", c.name(c.label))
	case c.classes != nil:
		text += ", named by the first line"
	default:
		text += ", no header"
	}
	if c.doubt >= 0 {
		text += fmt.Sprintf("; the first line taken for names, as %s is no label below (--header no reads it as a row)", quoted(c.header[c.doubt]))
	}
	for i, d := range c.dropped {
		if i == 0 {
			text += "; left out:"
		}
		text += fmt.Sprintf(" column %d (%s)", d+1, c.name(d))
	}
	return text
}

// joined lists some names.
func joined(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

// isNumber tells what is meant as a number, even one that will be refused.
func isNumber(s string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return err == nil || errors.Is(err, strconv.ErrRange) || decimalComma(s)
}

// decimalComma tells a number that has a comma in place of its point.
func decimalComma(s string) bool {
	_, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(s), ",", "."), 64)
	return err == nil && strings.Contains(s, ",")
}

func trimmed(row []string) []string {
	out := make([]string, len(row))
	for i, s := range row {
		out[i] = strings.TrimSpace(s)
	}
	return out
}
