package open

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

// className is the name of a class in its one form: Unicode NFC, without blanks
// around it.
func className(s string) string { return strings.TrimSpace(norm.NFC.String(s)) }

// normalize brings the names of classes to one form, so that the same name is the
// same class, and warns of names that are nearly the same.
func (c *contents) normalize() {
	var names []string
	for _, p := range []*files.Part{c.train, c.test} {
		if p == nil {
			continue
		}
		index := map[string]int{}
		var unique []string
		to := make([]int, len(p.Names))
		for i, name := range p.Names {
			one := className(name)
			if one != name {
				c.account.Assume("class-form", "", "class %q is read as %q", name, one)
			}
			k, ok := index[one]
			if !ok {
				k = len(unique)
				index[one], unique = k, append(unique, one)
			}
			to[i] = k
		}
		for i, y := range p.Labels {
			p.Labels[i] = to[y]
		}
		p.Names = unique
		for i := range p.Classes {
			p.Classes = slices.Clone(p.Classes)
			p.Classes[i] = className(p.Classes[i])
		}
		names = append(names, unique...)
	}
	c.nearEqual(names)
}

// nearEqual warns of classes whose names differ by case, blanks, or the form of a
// number alone.
func (c *contents) nearEqual(names []string) {
	alike := map[string][]string{}
	for _, name := range names {
		k := plain(name)
		if !slices.Contains(alike[k], name) {
			alike[k] = append(alike[k], name)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(alike)) {
		if group := alike[k]; len(group) > 1 {
			for i := range group {
				group[i] = strconv.Quote(group[i])
			}
			c.account.Warn("near-equal-classes", "", "classes %s are different ones: rename them if they are the same",
				strings.Join(group, " and "))
		}
	}
}

// plain is what near-equal names have in common.
func plain(name string) string {
	name = norm.NFKC.String(strings.ToLower(name))
	if v, err := strconv.ParseFloat(name, 64); err == nil {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" _-\t", r) {
			return -1
		}
		return r
	}, name)
	return name
}

// classLabels are the labels of a part as indices into the classes of a task: by
// name when every label is the name of a class; else by number, when no class has
// a number for its name.
func (c *contents) classLabels(p *files.Part, task *data.Task, first string) ([]int, error) {
	to := make([]int, len(p.Names))
	unknown := -1
	for i, name := range p.Names {
		to[i] = slices.IndexFunc(task.Classes, func(class string) bool { return class == name || className(class) == name })
		if to[i] < 0 && unknown < 0 {
			unknown = i
		}
	}
	if unknown >= 0 {
		place := p.Where(max(0, slices.Index(p.Labels, unknown)))
		byNumber, err := c.byNumber(p, task, to, first)
		if err != nil {
			e := place.Because(err, "say which number the first class has with --first-label 0, or --first-label 1")
			e.Place, e.Line, e.Column, e.Path = files.Whole, 0, 0, c.path
			return nil, e
		}
		if !byNumber {
			hint := "'distillmesh task show " + task.Name + "' lists its classes; for a table choose the column of labels " +
				"with --label"
			for _, class := range task.Classes {
				if plain(class) == plain(p.Names[unknown]) {
					hint = fmt.Sprintf("rename it if it is %q; 'distillmesh task show %s' lists the classes", class, task.Name)
				}
			}
			return nil, place.Because(fmt.Errorf("%w: class %q is none of task %s", files.ErrLabel, p.Names[unknown],
				task.Name), hint)
		}
	}
	out := make([]int, len(p.Labels))
	for i, y := range p.Labels {
		out[i] = to[y]
	}
	return out, nil
}

// byNumber fills in the indices of labels that are all numbers, and reports
// whether they are. Where the numbers do not tell whether they count from 0 or 1,
// that has to be said: a shift is never guessed.
func (c *contents) byNumber(p *files.Part, task *data.Task, to []int, first string) (bool, error) {
	classes, lowest, highest := len(task.Classes), 0, 0
	if slices.ContainsFunc(task.Classes, isWhole) {
		return false, nil
	}
	for i, name := range p.Names {
		k, err := strconv.Atoi(name)
		if err != nil || strconv.Itoa(k) != name || k < 0 || k > classes {
			return false, nil
		}
		if to[i] = k; i == 0 {
			lowest, highest = k, k
		}
		lowest, highest = min(lowest, k), max(highest, k)
	}
	from := 0
	switch {
	case lowest == 0 && highest == classes: // neither way
		return false, nil
	case first == "1" && lowest == 0, first == "0" && highest == classes:
		return false, fmt.Errorf("%w: labels are %d to %d, and the first was said to be %s", files.ErrLabel, lowest,
			highest, first)
	case first != "":
		from, _ = strconv.Atoi(first)
		c.account.Based = true
	case highest < classes && (lowest == 0 || c.fromZero):
		if c.known == nil {
			c.account.Assume("first-label", "--first-label", "labels are numbers: 0 is %q, the first class of the task",
				task.Classes[0])
		}
	default:
		return false, fmt.Errorf("%w: labels are the numbers %d to %d, and the task names its %d classes: whether they "+
			"count from 0 or from 1 is not told", files.ErrLabel, lowest, highest, classes)
	}
	for i := range to {
		to[i] -= from
	}
	return true, nil
}

func isWhole(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// checkParts refuses test classes that training lacks, and warns of training
// classes that no test sample has and of labels with a gap.
func (c *contents) checkParts() error {
	if missing := gap(c.train.Names); missing != "" {
		c.account.Warn("label-gap", "", "labels are numbers with a gap: no sample has %s", missing)
	}
	if c.test == nil {
		return nil
	}
	var lacking, untested []string
	trained, tested := present(c.train), present(c.test)
	for _, name := range tested {
		if !slices.Contains(trained, name) {
			lacking = append(lacking, name)
		}
	}
	for _, name := range trained {
		if !slices.Contains(tested, name) {
			untested = append(untested, name)
		}
	}
	if untested != nil {
		c.account.Warn("class-untested", "", "no test sample is of class %s", files.Joined(untested))
	}
	if lacking == nil {
		return nil
	}
	return c.account.Refuse("class-untrained", files.Error{Path: c.path, Place: files.Whole,
		Err: fmt.Errorf("%w: the test part has classes that the training part lacks: %s", files.ErrLabel,
			files.Joined(lacking)),
		Hint: "the training part has " + files.Joined(trained) + ": give both parts the same classes"})
}

// present are the names of the classes that a part has samples of.
func present(p *files.Part) (names []string) {
	has := make([]bool, len(p.Names))
	for _, y := range p.Labels {
		has[y] = true
	}
	for k, name := range p.Names {
		if has[k] {
			names = append(names, name)
		}
	}
	return names
}

// gap names whole numbers that are missing among labels that are all whole
// numbers; empty when none is.
func gap(names []string) string {
	var numbers []int
	for _, name := range names {
		k, err := strconv.Atoi(name)
		if err != nil {
			return ""
		}
		numbers = append(numbers, k)
	}
	slices.Sort(numbers)
	if slices.Equal(numbers, []int{-1, 1}) {
		return "" // as some programs call no and yes
	}
	var out []string
	for i := 1; i < len(numbers) && len(out) < 5; i++ {
		for k := numbers[i-1] + 1; k < numbers[i] && len(out) < 5; k++ {
			out = append(out, strconv.Itoa(k))
		}
	}
	return strings.Join(out, ", ")
}
