package picture

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Limits of a folder of pictures.
const (
	maxPictures = 1 << 21
	maxDepth    = 32 // of folders below a class
)

// picture is one file of a folder of pictures.
type picture struct {
	facts
	tree  *files.Tree
	name  string
	class string
	part  string
	load  func() ([]byte, error) // in place of the file
}

func (p *picture) path() string {
	if p.tree == nil {
		return p.name
	}
	return p.tree.At(p.name)
}

// content is the encoded picture.
func (p *picture) content() ([]byte, error) {
	if p.load != nil {
		return p.load()
	}
	return p.tree.Bytes(p.name, maxPictureBytes)
}

// pictureEndings are the file name endings of pictures, readable or not.
var pictureEndings = strings.Fields(".png .jpg .jpeg .jpe .jfif .gif .bmp .dib .tif .tiff .webp")

// otherPictures are pictures in formats that are not read.
var otherPictures = strings.Fields(".heic .heif .avif .jp2 .jxl .svg .psd .raw .cr2 .nef .dng .ico .tga .ppm .pgm .exr")

// late are formats that may have their orientation, or their whole metadata, at the end.
var late = []files.Kind{files.TIFF, files.PNG, files.WebP}

// scan is the state of reading a folder of pictures.
type scan struct {
	tree    *files.Tree
	account *files.Account
	found   []picture
	seen    map[string]bool // folders of a class, each taken once
	below   int             // pictures in folders below that of their class
	refused int             // pictures of formats that are not read
	ignored []string
}

// Folder reads pictures from a folder that has a folder for each class, alone or
// inside folders for the parts; or with folders for the parts inside each class.
// test is nil when there is no test part.
func Folder(tree *files.Tree, dir string, opt Options, a *files.Account) (train, test *files.Part, err error) {
	s := &scan{tree: tree, account: a, seen: map[string]bool{}}
	parts, uses, err := s.parts(dir, opt.Parts)
	if err != nil {
		return nil, nil, files.Named(tree.At(dir), err)
	}
	for _, part := range parts {
		if part.dir == "" || uses[part.name] != files.Ignore && uses[part.name] != "" {
			if err := s.classes(part.dir, part.name, uses[part.name] == files.Test); err != nil {
				return nil, nil, err
			}
		}
	}
	if err := s.inside(&uses, opt.Parts); err != nil {
		return nil, nil, files.Named(tree.At(dir), err)
	}
	if len(s.found) == 0 {
		return nil, nil, &files.Error{Path: tree.At(dir), Place: files.Whole,
			Err: fmt.Errorf("%w: no folders with pictures",
				files.ErrFormat), Hint: "put the pictures of each class into a folder of its name"}
	}
	s.report()
	set, err := opt.complete(s.found, a)
	if err != nil {
		return nil, nil, err
	}
	for use, into := range map[files.Use]**files.Part{files.Train: &train, files.Test: &test} {
		if *into, err = set.readAll(s.found, func(p *picture) bool { return useOf(uses, p.part) == use }, a); err != nil {
			return nil, nil, err
		}
	}
	return train, test, nil
}

// useOf is what a part is for; without parts everything is for training.
func useOf(uses map[string]files.Use, part string) files.Use {
	if part == "" {
		return files.Train
	}
	return uses[part]
}

// partDir is the folder of a part; its name is empty when there are no parts.
type partDir struct{ name, dir string }

// parts finds the folders that hold parts. A folder train without folders in it,
// among others that are no parts, is a class of that name.
func (s *scan) parts(dir string, asked map[string]string) ([]partDir, map[string]files.Use, error) {
	folders, loose, err := s.tree.List(dir, s.account)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range loose {
		s.skip(f)
	}
	parts, others := s.partFolders(folders, asked)
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	hasTrain := slices.ContainsFunc(parts, func(p partDir) bool {
		inside, _, err := s.tree.List(p.dir, nil)
		return err == nil && len(inside) > 0 || hasFold(asked, p.name)
	})
	if !hasTrain || len(others) > 0 && !s.holdsClasses(parts, asked) {
		if len(others) == 0 && len(parts) > 0 && !hasTrain {
			return nil, nil, &files.Error{Place: files.Whole,
				Err: fmt.Errorf("%w: %s hold no folders of classes", files.ErrFormat,
					files.Joined(names)), Hint: "put the pictures of each class into a folder of its name"}
		}
		return []partDir{{"", dir}}, map[string]files.Use{"": files.Train}, s.asClasses(parts, others, asked)
	}
	uses, err := files.Uses(names, asked, s.account)
	for _, f := range others {
		s.account.Warn("beside-parts", "--part "+path.Base(f)+"=train", "folder %s beside the parts is not used",
			path.Base(f))
	}
	return parts, uses, err
}

// asClasses treats folders that are named like parts but hold no classes as
// classes, except those to be ignored.
func (s *scan) asClasses(parts []partDir, others []string, asked map[string]string) error {
	if err := s.leftOver(parts, others, asked); err != nil {
		return err
	}
	for _, p := range parts {
		use := ""
		for name, u := range asked {
			if strings.EqualFold(name, p.name) {
				use = u
			}
		}
		switch {
		case use == string(files.Ignore):
			s.ignored = append(s.ignored, p.dir)
			s.account.Leave(p.name)
			s.account.See("part-ignored", "folder %s is left out, as asked", p.name)
		case use != "":
			return &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: folder %s holds no folders of classes",
				files.ErrFormat, p.name), Hint: "put the pictures of each class into a folder of its name, or leave the " +
				"folder out with --part " + p.name + "=ignore"}
		default:
			s.account.Warn("part-as-class", "--part "+p.name+"=ignore",
				"folder %s is taken for a class, as it holds no folders of classes", p.name)
		}
	}
	return nil
}

// leftOver refuses folders that are named like parts and hold folders when none of
// them is for training: as classes they would mix the classes inside them.
func (s *scan) leftOver(parts []partDir, others []string, asked map[string]string) error {
	var names, longer []string
	for _, p := range parts {
		if s.holdsFolders(p.dir) && !isAsked(asked, p.name, files.Ignore) {
			names = append(names, p.name)
		}
	}
	for _, f := range others {
		if base := strings.TrimSpace(path.Base(f)); files.PartWord(base) != "" && s.holdsFolders(f) {
			longer = append(longer, base)
		}
	}
	if len(longer) == len(others) && len(longer)+len(names) > 1 {
		names = append(names, longer...)
	}
	if names == nil {
		return nil
	}
	return &files.Error{Path: s.tree.Path, Place: files.Whole,
		Err: fmt.Errorf("%w: %s are called like parts and hold folders, and which part is to train on is not told",
			files.ErrFormat, files.Joined(names)),
		Hint: "say what each is for with --part NAME=train, test or ignore; rename those that are classes"}
}

func (s *scan) holdsFolders(dir string) bool {
	inside, _, err := s.tree.List(dir, nil)
	return err == nil && len(inside) > 0
}

// isAsked reports whether the user chose a use for a part.
func isAsked(asked map[string]string, part string, use files.Use) bool {
	for name, u := range asked {
		if strings.EqualFold(name, part) && u == string(use) {
			return true
		}
	}
	return false
}

// partFolders sorts folders into those of parts and others. Longer names count only
// together: seg_train beside seg_test, both with folders in them.
func (s *scan) partFolders(folders []string, asked map[string]string) (parts []partDir, others []string) {
	for _, f := range folders {
		if base := strings.TrimSpace(path.Base(f)); files.IsPartName(base) || hasFold(asked, base) {
			parts = append(parts, partDir{base, f})
		} else {
			others = append(others, f)
		}
	}
	if slices.ContainsFunc(parts, func(p partDir) bool { return files.IsPartName(p.name) }) {
		return parts, others
	}
	var longer []partDir
	uses := map[files.Use]int{}
	for _, f := range others {
		word := files.PartWord(path.Base(f))
		inside, _, err := s.tree.List(f, nil)
		if word != "" && err == nil && len(inside) > 0 {
			longer = append(longer, partDir{word, f})
			uses[files.PartOf(word)]++
		}
	}
	if uses[files.Train] != 1 || len(longer) < 2 || len(uses) != len(longer) {
		return parts, others
	}
	others = slices.DeleteFunc(others, func(f string) bool {
		return slices.ContainsFunc(longer, func(p partDir) bool { return p.dir == f })
	})
	return append(parts, longer...), others
}

// holdsClasses reports whether a part that may be for training has folders.
func (s *scan) holdsClasses(parts []partDir, asked map[string]string) bool {
	return slices.ContainsFunc(parts, func(p partDir) bool {
		use := files.PartOf(files.PartWord(p.name))
		for name, u := range asked {
			if strings.EqualFold(name, p.name) {
				use = files.Use(u)
			}
		}
		return use != files.Test && use != files.Ignore && s.holdsFolders(p.dir)
	})
}

func hasFold(m map[string]string, name string) bool {
	for k := range m {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

// classes lists the pictures of one part, whose folders are its classes. A test
// part that has pictures but no classes is left out, and reported.
func (s *scan) classes(dir, part string, test bool) error {
	folders, loose, err := s.tree.List(dir, s.account)
	if err != nil {
		return err
	}
	if base := path.Base(dir); part != "" && len(folders) == 1 &&
		(strings.EqualFold(path.Base(folders[0]), base) || files.IsPartName(path.Base(folders[0]))) {
		for _, f := range loose {
			s.skip(f)
		}
		return s.classes(folders[0], part, test)
	}
	if part != "" && len(folders) == 0 {
		for _, f := range loose {
			s.account.Skip("files of a part without folders of classes, and so without labels", f)
		}
		if !test {
			return &files.Error{Path: s.tree.At(dir), Place: files.Whole,
				Err: fmt.Errorf("%w: no folders of classes in it",
					files.ErrFormat), Hint: "put the pictures of each class into a folder of its name"}
		}
		s.account.Leave(part)
		s.account.Warn("part-unlabeled", "--part "+part+"=ignore",
			"part %s is not used: its %d files lie in no folders of classes", part, len(loose))
		return nil
	}
	if part != "" {
		for _, f := range loose {
			s.skip(f)
		}
	}
	for _, f := range folders {
		if slices.Contains(s.ignored, f) {
			continue
		}
		before := len(s.found)
		if err := s.class(f, path.Base(f), part, 0); err != nil {
			return err
		}
		if len(s.found) == before {
			if err := s.account.Refuse("empty-class", files.Error{Path: s.tree.At(f), Place: files.Whole,
				Err:  fmt.Errorf("%w: no picture in it that can be read", files.ErrFormat),
				Hint: "a folder is a class: remove the empty one, or put its pictures there"}); err != nil {
				return err
			}
		}
	}
	if len(folders) > files.MaxClasses {
		return &files.Error{Path: s.tree.At(dir), Place: files.Whole,
			Err: fmt.Errorf("%w: more than %d classes", files.ErrTooLarge, files.MaxClasses), Hint: "a folder is a class"}
	}
	return nil
}

// class lists the pictures of one class, and those in folders below.
func (s *scan) class(dir, class, part string, depth int) error {
	folders, loose, err := s.tree.List(dir, s.account)
	if err != nil {
		return err
	}
	key := part + "\x00" + class + "\x00" + s.tree.Real(dir)
	if s.seen[key] {
		s.account.Skip("links to a folder of the same class", dir)
		return nil
	}
	s.seen[key] = true
	for _, name := range loose {
		if err := s.file(name, class, part, depth); err != nil {
			return err
		}
	}
	for _, f := range folders {
		if depth == maxDepth {
			return &files.Error{Path: s.tree.At(f), Place: files.Whole,
				Err: fmt.Errorf("%w: more than %d folders inside each other", files.ErrTooLarge,
					maxDepth), Hint: "put the pictures of each class into a folder of its name"}
		}
		if err := s.class(f, class, part, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// file reads one file of a class.
func (s *scan) file(name, class, part string, depth int) error {
	p := picture{tree: s.tree, name: name, class: class, part: part}
	_, ext := files.Stem(name)
	err := s.tree.Read(name, func(r io.Reader) error {
		head, err := io.ReadAll(io.LimitReader(r, headBytes))
		if err != nil {
			return files.At(int64(len(head)), files.OrTruncated(err))
		}
		if kind := files.KindOf(head); !kind.IsPicture() && !slices.Contains(pictureEndings, ext) {
			return errOther
		}
		if p.facts, err = readFacts(head); len(head) == headBytes && (err != nil || slices.Contains(late, p.kind)) {
			all, err := files.ReadAll(io.MultiReader(bytes.NewReader(head), r), maxPictureBytes)
			if err != nil {
				return err
			}
			p.facts, err = readFacts(all)
			return err
		}
		return err
	})
	switch {
	case isOther(err):
		s.skip(name)
		return nil
	case err != nil:
		return s.account.RefuseFile("unreadable-pictures", "pictures that cannot be decoded", name, err)
	case len(s.found) == maxPictures:
		return &files.Error{Path: s.tree.At(name), Place: files.Whole,
			Err: fmt.Errorf("%w: more than %d pictures", files.ErrTooLarge,
				maxPictures), Hint: "split them into several data sets"}
	}
	if depth > 0 {
		s.below++
	}
	s.account.Count(string(p.kind))
	s.found = append(s.found, p)
	return nil
}
