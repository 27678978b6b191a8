package table

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// names reports whether a first row holds the names of all wanted features,
// those of the training table or of the task.
func (o *Options) names(row []string) bool {
	var want []string
	switch {
	case o.Like != nil:
		c := o.Like.Columns.(*choice)
		for _, i := range c.columns {
			if c.names == nil {
				return false
			}
			want = append(want, c.names[i])
		}
	default:
		for _, f := range o.Want {
			want = append(want, f.Name)
		}
	}
	return want != nil && !slices.ContainsFunc(want, func(name string) bool { return !slices.Contains(row, name) })
}

// follow takes the columns of the training table: by name when both have names,
// else by position.
func (t *table) follow(c *choice, train *choice) error {
	lacks := func(i int) error {
		e := t.fail("%w: there is no column %d (%s) of the training table", files.ErrFormat, i+1, nameIn(train.names, i))
		e.Hint = "give both tables the same columns"
		if slices.Contains(train.labels, i) {
			e.Err = fmt.Errorf("%w: the column of the labels is not there, column %d (%s) of the training table",
				files.ErrFormat, i+1, nameIn(train.names, i))
			e.Hint = "add the labels; or leave this part out with --part test=ignore: some of the training rows are held " +
				"out then"
		}
		return e
	}
	c.features = train.features
	count := len(t.survey.columns)
	if c.names == nil || train.names == nil {
		all := len(train.labels) + len(train.columns) + len(train.dropped)
		switch {
		case count == all-1:
			return lacks(train.labels[0])
		case count != all:
			e := t.fail("%w: %d fields, the training table has %d", files.ErrFormat, count, all)
			e.Hint = "give both tables the same columns"
			return e
		}
		c.labels, c.columns, c.dropped = train.labels, train.columns, train.dropped
		return t.followPlaces(c, train)
	}
	for _, part := range []struct {
		from []int
		to   *[]int
	}{{train.labels, &c.labels}, {train.columns, &c.columns}} {
		for _, i := range part.from {
			place := slices.Index(c.names, train.names[i])
			if place < 0 {
				return lacks(i)
			}
			*part.to = append(*part.to, place)
		}
	}
	var extra []string
	for i := range count {
		if !slices.Contains(c.labels, i) && !slices.Contains(c.columns, i) {
			c.dropped = append(c.dropped, i)
			if !slices.Contains(train.names, c.names[i]) {
				extra = append(extra, c.names[i])
			}
		}
	}
	if extra != nil {
		t.account.Warn("column-extra", "", "columns that the training table lacks are left out: %s", files.Joined(extra))
	}
	return nil
}

// followPlaces reports that columns are matched by position when only one of
// the tables has names; it refuses a name that shows another column of labels.
func (t *table) followPlaces(c *choice, train *choice) error {
	if c.names == nil && train.names == nil {
		return nil
	}
	which := "the test table has no header"
	if train.names == nil {
		which = "the training table has no header"
		called := func(i int) bool { return isLabelName(c.names[i]) }
		if i := slices.IndexFunc(c.names, isLabelName); i >= 0 && !slices.ContainsFunc(c.labels, called) {
			e := t.fail("%w: %s: its labels are in column %d, but here column %d is called %s", files.ErrFormat, which,
				c.labels[0]+1, i+1, files.Quoted(c.names[i]))
			e.Hint = "give both tables the same columns and names"
			return e
		}
	}
	t.account.Assume("column-order", "--header", "%s, so that columns are matched by their places", which)
	return nil
}

// sameName compares names of columns in one Unicode form, blanks and case aside.
func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(norm.NFC.String(a)), strings.TrimSpace(norm.NFC.String(b)))
}

// match finds the features of the task among the columns: by name, if both have
// names; else by position.
func (t *table) match(c *choice) error {
	c.features = t.opt.Want
	named := c.features[0].Name != ""
	var left []int
	for i := range t.survey.columns {
		if !slices.Contains(c.labels, i) && !slices.Contains(c.dropped, i) {
			left = append(left, i)
		}
	}
	if c.names == nil || !named {
		return t.matchPlaces(c, left)
	}
	var missing []string
	for _, f := range c.features {
		i := slices.IndexFunc(left, func(i int) bool { return c.names[i] == f.Name })
		if i < 0 {
			near := slices.DeleteFunc(slices.Clone(left), func(i int) bool { return !sameName(c.names[i], f.Name) })
			if len(near) != 1 {
				missing = append(missing, f.Name)
				continue
			}
			t.account.Assume("column-name", "--drop "+t.flagValue(near[0]), "column %d (%s) is taken for %s of the task",
				near[0]+1, c.names[near[0]], f.Name)
			i = slices.Index(left, near[0])
		}
		c.columns = append(c.columns, left[i])
		left = slices.Delete(left, i, i+1)
	}
	var extra []string
	for _, i := range left {
		if why := t.isID(i); why != "" {
			t.account.Assume("id-column", "", "column %d (%s) is none of the task's and left out: %s", i+1, t.name(i), why)
			c.dropped = append(c.dropped, i)
			continue
		}
		extra = append(extra, c.names[i])
	}
	switch {
	case missing != nil:
		e := t.fail("%w: columns of the task are not there: %s", files.ErrFormat, files.Joined(missing))
		e.Hint = "give the table the columns of the task, in any order: 'distillmesh task show' lists them"
		if extra != nil {
			e.Hint += "; here are besides: " + files.Joined(extra)
		}
		return e
	case extra != nil:
		e := t.fail("%w: columns that the task does not have: %s", files.ErrFormat, files.Joined(extra))
		e.Hint = "leave them out with --drop NAME"
		return e
	}
	if !slices.IsSorted(c.columns) {
		t.account.See("column-order", "the columns are in another order than in the task, and found by name")
	}
	return nil
}

// matchPlaces takes the columns for the features of the task in their order.
func (t *table) matchPlaces(c *choice, left []int) error {
	if len(left) != len(c.features) {
		left = slices.DeleteFunc(left, func(i int) bool {
			why := ""
			if len(left) > len(c.features) {
				why = t.isID(i)
			}
			if why != "" {
				t.account.Assume("id-column", "", "column %d (%s) is left out: %s", i+1, t.name(i), why)
				c.dropped = append(c.dropped, i)
			}
			return why != ""
		})
	}
	if len(left) != len(c.features) {
		e := t.fail("%w: %d columns of features, the task has %d", files.ErrFormat, len(left), len(c.features))
		e.Hint = "give the table the columns of the task, or leave others out with --drop; choose the column of labels " +
			"with --label"
		return e
	}
	c.columns = left
	if c.names == nil && c.features[0].Name != "" {
		var names []string
		for _, f := range c.features {
			names = append(names, f.Name)
		}
		t.account.Assume("column-order", "--header yes",
			"without a header the columns are taken in the order of the task: %s", files.Joined(names))
	}
	return nil
}
