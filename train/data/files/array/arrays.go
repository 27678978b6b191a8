package array

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Archive reads the parts of an .npz archive.
func Archive(tree *files.Tree, name string, opt Options, a *files.Account) (train, test *files.Part, err error) {
	s, err := openArchive(tree, name)
	if err != nil {
		return nil, nil, err
	}
	a.Count(s.kind)
	return s.parts(opt, a)
}

// Folder reads the parts in the .npy files of a folder.
func Folder(tree *files.Tree, dir string, opt Options, a *files.Account) (train, test *files.Part, err error) {
	s, err := openFolder(tree, dir, a)
	if err != nil {
		return nil, nil, err
	}
	for range s.names {
		a.Count(s.kind)
	}
	return s.parts(opt, a)
}

// HasArrays reports whether a folder holds samples and labels as .npy files.
func HasArrays(tree *files.Tree, dir string) bool {
	s, err := openFolder(tree, dir, nil)
	if err != nil {
		return false
	}
	groups, _, _ := grouped(s.names)
	return slices.ContainsFunc(groups, func(g *group) bool { return g.samples != nil && g.labels != nil })
}

// IsArrayName reports whether a .npy file has a usual name of samples or labels.
func IsArrayName(name string) bool {
	stem, _ := files.Stem(name)
	role, _ := roleOf(stem)
	return IsNumPy(name) && role != other
}

const namesHint = "call samples and labels x_train and y_train (x_test, y_test), train_images and train_labels, " +
	"images and labels, X and y, or data and target"

// parts finds the purpose of each array, and closes the store.
func (s *store) parts(opt Options, a *files.Account) (train, test *files.Part, err error) {
	defer func() { err = errors.Join(err, s.close()) }()
	groups, names, rest := grouped(s.names)
	unnamedTrains(groups, opt)
	groups, err = s.checkComplete(groups, opt, a)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range rest {
		a.Skip("arrays that are neither samples nor labels by their names", path.Base(name))
	}
	var parts []string
	for _, g := range groups {
		if g.part != "" {
			parts = append(parts, g.part)
		}
	}
	uses, err := files.Uses(parts, opt.Parts, a)
	if err != nil {
		return nil, nil, files.Named(s.path, err)
	}
	var read []*files.Part
	var into []**files.Part
	for _, g := range groups {
		use := uses[g.part]
		if g.part == "" && use == "" {
			use = files.Train
		}
		if use == files.Ignore {
			continue
		}
		p, err := s.part(g, &opt, a)
		if err != nil {
			return nil, nil, err
		}
		read = append(read, p)
		into = append(into, map[files.Use]**files.Part{files.Train: &train, files.Test: &test}[use])
	}
	if err := s.nameClasses(read, names, opt.FirstLabel, a); err != nil {
		return nil, nil, err
	}
	for i, p := range read {
		if *into[i] == nil {
			*into[i] = p
		} else if err := (*into[i]).Append(p); err != nil {
			return nil, nil, files.Named(s.path, err)
		}
	}
	return train, test, nil
}

// unnamedTrains makes the arrays of no named part the training part when all named
// parts have other uses: X and y beside X_test and y_test.
func unnamedTrains(groups []*group, opt Options) {
	var unnamed *group
	for _, g := range groups {
		use := files.PartOf(g.part)
		for name, asked := range opt.Parts {
			if strings.EqualFold(name, g.part) {
				use = files.Use(asked)
			}
		}
		switch {
		case g.part == "":
			unnamed = g
		case use == files.Train || files.PartOf(g.part) == files.Train:
			return
		}
	}
	if len(groups) > 1 && unnamed != nil && unnamed.samples != nil && unnamed.labels != nil {
		unnamed.part = string(files.Train)
	}
}

// nameClasses gives the labels of all parts the names in an array of the store, if
// there is one.
func (s *store) nameClasses(parts []*files.Part, names, first string, a *files.Account) error {
	if names == "" {
		return nil
	}
	listed, err := s.get(names)
	if err != nil || listed.text == nil { // numbers name nothing
		return err
	}
	return files.Named(s.path, naming(parts, listed.text, first, a))
}

// prefer keeps the most specific of several arrays with the same role: fine
// labels and not coarse ones, images and not other data. The others are
// counted.
func (s *store) prefer(names []string, a *files.Account, words ...string) []string {
	for _, w := range words {
		for i, n := range names {
			if len(names) < 2 || !strings.Contains(strings.ToLower(n), w) {
				continue
			}
			for j, other := range names {
				if j != i {
					a.Skip("arrays beside others that are called so more clearly", path.Base(other))
				}
			}
			return []string{n}
		}
	}
	return names
}

// checkComplete checks that every part has samples and labels, one array of each.
func (s *store) checkComplete(groups []*group, opt Options, a *files.Account) ([]*group, error) {
	var out []*group
	named := slices.ContainsFunc(groups, func(g *group) bool {
		return g.part != "" && g.samples != nil &&
			g.labels != nil
	})
	for _, g := range groups {
		g.samples = s.prefer(g.samples, a, "image", "img")
		g.labels = s.prefer(g.labels, a, "fine", "label", "target")
		for _, twice := range [][]string{g.samples, g.labels} {
			if len(twice) > 1 {
				return nil, files.Named(s.path, &files.Error{Place: files.Whole,
					Err: fmt.Errorf("%w: arrays %s could all be the same thing", files.ErrFormat,
						files.Joined(twice)), Hint: "save the one to use under another name: " + namesHint})
			}
		}
		switch {
		case opt.Parts[g.part] == string(files.Ignore):
			out = append(out, g)
		case named && g.part == "":
			for _, n := range slices.Concat(g.samples, g.labels) {
				a.Skip("arrays beside those of the parts", path.Base(n))
			}
		case g.samples != nil && g.labels != nil:
			out = append(out, g)
		case g.part != "" && named:
			have, lack := slices.Concat(g.samples, g.labels)[0], "labels"
			if g.samples == nil {
				lack = "samples"
			}
			return nil, s.inside(have, &files.Error{Place: files.Whole,
				Err: fmt.Errorf("%w: half a %s part, there is no array of its %s", files.ErrFormat, g.part, lack),
				Hint: "save both, or leave this one out with --part " + g.part + "=ignore: some of the training samples are " +
					"held out then"})
		}
	}
	if out == nil {
		return nil, &files.Error{Path: s.path, Place: files.Whole,
			Err: fmt.Errorf("%w: no samples and labels among the arrays %s", files.ErrFormat,
				files.Joined(s.names)), Hint: namesHint}
	}
	return out, nil
}

// part reads samples and their labels.
func (s *store) part(g *group, opt *Options, a *files.Account) (*files.Part, error) {
	x, y := g.samples[0], g.labels[0]
	labels, err := s.get(y)
	if err != nil {
		return nil, err
	}
	v, err := s.get(x)
	if err != nil {
		return nil, err
	}
	p := &files.Part{Name: g.part}
	if v, err = opt.arrange(v, samplesOf(labels), a); err != nil {
		return nil, s.inside(x, err)
	}
	p.Dims, p.Bytes, p.Floats, p.Doubles = v.dims[1:], v.bytes, v.floats, v.doubles
	if p.Size() > files.MaxSide {
		return nil, s.inside(x, &files.Error{Place: files.Whole,
			Err: fmt.Errorf("%w: samples of %v", files.ErrTooLarge, p.Dims), Hint: shapesHint})
	}
	if err := label(p, labels, a); err != nil {
		return nil, s.inside(y, err)
	}
	a.See("arrays", "samples %v and labels %v are arrays %s and %s", v.dims, labels.dims, path.Base(x), path.Base(y))
	p.Where = func(i int) files.Error {
		return files.Error{Path: s.path, Place: fmt.Sprintf("sample %d of array %s", i, path.Base(x))}
	}
	return p, nil
}
