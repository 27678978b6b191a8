package data

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/array"
	"github.com/distillmesh/distillmesh/train/data/files/table"
)

// partOfFile is the part that a file is called after, as it is spelt: train of
// train.csv, mnist_train.csv and train-00000-of-00001.parquet; empty when none.
func partOfFile(name string) string {
	stem, _ := files.Stem(name)
	return files.PartWord(stem)
}

// partFiles reads files that are parts by their names; nil when there is none to
// train on. Several files of one part are joined in the order of their names.
func (f *finder) partFiles(tree *files.Tree, found []string) (*contents, error) {
	var parts []string
	of := map[string][]string{}
	for _, name := range found {
		part := partOfFile(name)
		if asked := path.Base(name); f.Parts[asked] != "" {
			part = asked
		}
		if part == "" {
			continue
		}
		if of[part] == nil {
			parts = append(parts, part)
		}
		of[part] = append(of[part], name)
	}
	if !slices.ContainsFunc(parts, func(p string) bool {
		return files.PartOf(p) == files.Train ||
			f.Parts[p] == string(files.Train)
	}) {
		return nil, nil
	}
	for _, name := range found {
		if partOfFile(name) == "" && f.Parts[path.Base(name)] == "" {
			f.account.Warn("beside-parts", "--part "+path.Base(name)+"=train", "%s beside the files of the parts is not used",
				path.Base(name))
		}
	}
	uses, err := files.Uses(parts, f.Parts, f.account)
	if err != nil {
		return nil, files.Named(tree.Path, err)
	}
	c := &contents{kind: "files of parts"}
	slices.SortStableFunc(parts, func(a, b string) int { return useOrder(uses[a]) - useOrder(uses[b]) })
	for _, part := range parts {
		into := map[files.Use]**files.Part{files.Train: &c.train, files.Test: &c.test}[uses[part]]
		if into == nil {
			continue
		}
		for _, name := range of[part] {
			p, kind, err := f.onePart(tree, name, c.train)
			if err != nil {
				return nil, err
			}
			if c.train != nil && (c.train.Columns == nil) != (p.Columns == nil) {
				f.account.Warn("parts-mixed", "",
					"the parts lie in files of different kinds: values are taken in the order that each has")
			}
			c.kind, p.Name = kind+" of parts", part
			if *into == nil {
				*into = p
			} else if err := (*into).Append(p); err != nil {
				return nil, files.Named(tree.At(name), err)
			}
		}
	}
	return c, nil
}

// useOrder puts what is trained on first: other parts follow its columns.
func useOrder(u files.Use) int {
	return slices.Index([]files.Use{files.Train, files.Test, files.Ignore}, u)
}

// onePart reads one file as one part; like is the training part, nil when it is
// that.
func (f *finder) onePart(tree *files.Tree, name string, like *files.Part) (p *files.Part, kind string, err error) {
	sniffed, err := tree.Sniff(name)
	if err != nil {
		return nil, "", err
	}
	if like != nil && like.Columns == nil {
		like = nil
	}
	var test *files.Part
	switch sniffed {
	case files.Text:
		opt := f.tableOptions(f.task)
		opt.Like = like
		p, err = table.File(tree, name, opt, f.account)
		f.upright(name, p)
		return p, "tables", err
	case files.Parquet:
		p, err = f.parquet(tree, name, like)
		return p, "Parquet tables", err
	case files.Matlab:
		p, test, err = array.Matlab(tree, name, f.arrayOptions(f.want), f.account)
	case files.Pickle:
		p, test, err = array.Pickled(tree, name, f.arrayOptions(f.want), f.account)
	default:
		if sniffed == files.Zip && array.IsArchive(tree, name) {
			p, test, err = array.Archive(tree, name, f.arrayOptions(f.want), f.account)
			break
		}
		c, err := f.archive(tree, name, sniffed)
		if err != nil {
			return nil, "", err
		}
		p, test, kind = c.train, c.test, c.kind
	}
	if err == nil && (p == nil || test != nil) {
		err = &files.Error{Path: tree.At(name), Place: files.Whole,
			Err: fmt.Errorf("%w: a file of one part has parts itself", files.ErrFormat), Hint: "name one of the files"}
	}
	return p, cmp.Or(kind, "arrays"), err
}
