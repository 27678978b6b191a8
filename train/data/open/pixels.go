package open

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

// planes brings rows of a table to the planes of colored images, which the task
// wants: the order within all rows is one. Columns whose names count pixels must be
// in that order.
func (c *contents) planes(task *data.Task, r Reading) error {
	opt := r.arrayOptions(task.Shape)
	for _, p := range []*files.Part{c.train, c.test} {
		if p == nil || len(p.Dims) != 1 || task.IsTable() || p.Size() != task.Shape.Size() {
			continue
		}
		if a, b := outOfOrder(p.Features); a != "" {
			if err := c.account.Refuse("pixel-order", files.Error{Path: c.path, Place: files.Whole,
				Err: fmt.Errorf("%w: rows become images, and their columns are not in the order of their names: %s comes "+
					"before %s", files.ErrFormat, a, b),
				Hint: "write the columns row by row of the image, from the top"}); err != nil {
				return err
			}
		}
		if task.Shape.C < 2 {
			continue
		}
		if err := opt.Planes(p, c.account); err != nil {
			return files.Named(c.path, err)
		}
	}
	return nil
}

// outOfOrder finds two columns, one behind the other, whose names are alike but for
// numbers that fall: pixel10 before pixel2, or 2x1 before 1x2; empty when there are
// none, or names say nothing.
func outOfOrder(features []files.Feature) (a, b string) {
	var first string
	var before []int
	for i, f := range features {
		alike, numbers := numbersIn(f.Name)
		switch {
		case len(numbers) == 0 || i > 0 && alike != first:
			return "", ""
		case i > 0 && slices.Compare(numbers, before) <= 0 && a == "":
			a, b = features[i-1].Name, f.Name
		}
		first, before = alike, numbers
	}
	return a, b
}

// numbersIn is a name with its numbers taken out, and these.
func numbersIn(name string) (alike string, numbers []int) {
	var rest strings.Builder
	for len(name) > 0 {
		end := 0
		for end < len(name) && name[end] >= '0' && name[end] <= '9' {
			end++
		}
		if n, err := strconv.Atoi(name[:end]); err == nil {
			numbers = append(numbers, n)
			rest.WriteByte('#')
			name = name[end:]
			continue
		}
		rest.WriteByte(name[0])
		name = name[1:]
	}
	return rest.String(), numbers
}
