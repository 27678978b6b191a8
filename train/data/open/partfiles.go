package open

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// partOfFile is the part in the name of a file, as it is spelt: train of
// train.csv, mnist_train.csv and train-00000-of-00001.parquet; empty when none.
func partOfFile(name string) string {
	stem, _ := files.Stem(name)
	return files.PartWord(stem)
}

// partFiles reads files that are parts by their names; nil when there is none to
// train on. Several files of one part are joined in the order of their names.
func (f *finder) partFiles(tree *files.Tree, found []string, partOf func(string) string) (*contents, error) {
	var parts []string
	of := map[string][]string{}
	for _, name := range found {
		part := partOf(name)
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
		if partOf(name) == "" && f.Parts[path.Base(name)] == "" {
			f.account.Warn("beside-parts", "--part "+path.Base(name)+"=train", "%s beside the files of the parts is not used",
				path.Base(name))
		}
	}
	uses, err := files.Uses(parts, f.Parts, f.account)
	if err != nil {
		return nil, files.Named(tree.Path, err)
	}
	slices.SortStableFunc(parts, func(a, b string) int { return useOrder(uses[a]) - useOrder(uses[b]) })
	if err := f.joined(tree, parts, of, uses); err != nil {
		return nil, err
	}
	return f.readParts(tree, parts, of, uses)
}

// joined notes files that become one part, and refuses files whose names differ by
// more than numbers, unless the user chose them.
func (f *finder) joined(tree *files.Tree, parts []string, of map[string][]string, uses map[string]files.Use) error {
	names, alike := map[files.Use][]string{}, map[string][]string{}
	for _, part := range parts {
		for _, name := range of[part] {
			base, key := path.Base(name), string(uses[part])+" "+string(files.PartOf(files.PartWord(part)))
			if uses[part] == files.Ignore {
				continue
			}
			names[uses[part]] = append(names[uses[part]], name)
			if f.Parts[base] == "" {
				alike[key] = append(alike[key], name)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(alike)) {
		if group := alike[key]; len(group) > 1 && !numbered(group) {
			return &files.Error{Path: tree.Path, Place: files.Whole,
				Err: fmt.Errorf("%w: %s could all be the same part", files.ErrFormat, files.Joined(group)),
				Hint: "leave those out that are not meant with --part " + path.Base(group[len(group)-1]) +
					"=ignore; files whose names differ by numbers alone are joined"}
		}
	}
	for _, use := range []files.Use{files.Train, files.Test} {
		if len(names[use]) > 1 {
			f.account.See("parts-joined", "%d files are joined for %s: %s", len(names[use]), use, files.Joined(names[use]))
		}
	}
	return nil
}

// numbered reports whether the names of files differ only by numbers; (1) is how
// programs name a second copy.
func numbered(names []string) bool {
	form := func(name string) (stem, plain string) {
		stem, ext := files.Stem(name)
		stem = path.Join(path.Dir(name), stem+ext)
		return stem, digits.ReplaceAllString(stem, "#")
	}
	_, first := form(names[0])
	seen := map[string]bool{}
	for _, name := range names {
		stem, plain := form(name)
		if plain != first || seen[stem] || strings.Contains(plain, "(#)") {
			return false
		}
		seen[stem] = true
	}
	return true
}

var digits = regexp.MustCompile("[0-9]+")

// partFolders reads folders that are parts by their names and hold one file of data
// each, train/data.csv and test/data.csv; nil where the folders are others.
func (f *finder) partFolders(tree *files.Tree, folders []string) (*contents, error) {
	var found, beside []string
	for _, dir := range folders {
		if !files.IsPartName(path.Base(dir)) {
			beside = append(beside, dir)
			continue
		}
		_, inside, err := tree.List(dir, nil)
		if err != nil {
			return nil, err
		}
		inside = slices.DeleteFunc(inside, func(name string) bool { return !isLoose(tree, name) })
		if len(inside) != 1 {
			return nil, nil
		}
		found = append(found, inside[0])
	}
	c, err := f.partFiles(tree, found, func(name string) string { return path.Base(path.Dir(name)) })
	if c == nil || err != nil {
		return nil, err
	}
	f.skipBeside(beside, nil, nil)
	for _, name := range found {
		folders, loose, err := tree.List(path.Dir(name), f.account)
		if err != nil {
			return nil, err
		}
		f.skipBeside(folders, loose, func(other string) bool { return other == name })
	}
	return c, nil
}

// readParts reads the files of parts, the training part first.
func (f *finder) readParts(tree *files.Tree, parts []string, of map[string][]string,
	uses map[string]files.Use) (*contents, error) {
	c := &contents{kind: "files of parts"}
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

// useOrder puts the training part first: other parts follow its columns.
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
	if like != nil && like.Columns != nil {
		f.like = like
		defer func() { f.like = nil }()
	}
	c, err := f.file(tree, name, sniffed)
	if err != nil {
		return nil, "", err
	}
	if c == nil || c.train == nil || c.test != nil {
		return nil, "", &files.Error{Path: tree.At(name), Place: files.Whole,
			Err: fmt.Errorf("%w: a file of one part has parts itself", files.ErrFormat), Hint: "name one of the files"}
	}
	if strings.HasSuffix(c.kind, "table") {
		c.kind += "s"
	}
	return c.train, c.kind, nil
}
