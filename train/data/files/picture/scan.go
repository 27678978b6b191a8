package picture

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// errOther means that a file is not a picture.
var errOther = errors.New("no picture")

func isOther(err error) bool { return errors.Is(err, errOther) }

// skip counts a file that is not read, by its ending.
func (s *scan) skip(name string) {
	_, ext := files.Stem(name)
	why := "no pictures"
	switch {
	case slices.Contains(otherPictures, ext):
		why = "pictures of a format that is not read"
		s.refused++
	case slices.Contains(pictureEndings, ext):
		why = "pictures outside the folders of classes"
	}
	if ext != "" {
		why += fmt.Sprintf(" (%s)", ext)
	}
	s.account.Skip(why, name)
}

// report notes what was found.
func (s *scan) report() {
	if s.below > 0 {
		s.account.See("nested", "%d pictures lie in folders below that of their class, and belong to it", s.below)
	}
	if s.refused > 0 {
		s.account.Warn("pictures-not-read", "",
			"%d pictures are of formats that are not read here: convert them to PNG or JPEG", s.refused)
	}
}

// inside treats folders of parts inside every class, cat/train and cat/test, as
// the parts.
func (s *scan) inside(uses *map[string]files.Use, asked map[string]string) error {
	var names, strays []string
	forced := false
	for _, p := range s.found {
		part := s.partInside(&p)
		if part == "" {
			strays = append(strays, p.name)
			continue
		}
		if !slices.Contains(names, part) {
			names = append(names, part)
		}
		forced = forced || hasFold(asked, part)
	}
	if most := 2*len(strays) <= len(s.found); len(names) == 0 || !most && !forced {
		return nil
	}
	if len(strays) > 0 {
		if !forced {
			return &files.Error{Place: files.Whole,
				Err: fmt.Errorf("%w: most pictures lie in folders of parts inside their class (%s), and %d do not: %s",
					files.ErrFormat, files.Joined(names), len(strays), files.Joined(strays)),
				Hint: "move them into such a folder; --part " + names[0] + "=train leaves them out"}
		}
		s.found = slices.DeleteFunc(s.found, func(p picture) bool {
			stray := s.partInside(&p) == ""
			if stray {
				s.account.Skip("pictures outside the folders of parts", p.name)
				s.account.Uncount(string(p.kind))
			}
			return stray
		})
	}
	found, err := files.Uses(names, asked, s.account)
	if err != nil {
		return err
	}
	for i := range s.found {
		s.found[i].part = s.partInside(&s.found[i])
	}
	*uses, s.below = found, 0
	s.account.See("parts-inside", "the parts %s are folders inside each class", files.Joined(names))
	return nil
}

// partInside is the part whose folder lies directly inside the class of a
// picture without a part; empty when there is none.
func (s *scan) partInside(p *picture) string {
	if p.part != "" {
		return ""
	}
	folders := strings.Split(path.Dir(p.name), "/")
	for i, f := range folders {
		if f == p.class && i+1 < len(folders) && files.IsPartName(folders[i+1]) {
			return strings.TrimSpace(folders[i+1])
		}
	}
	return ""
}

// readAll decodes the pictures of one use; nil when there are none.
func (s *settings) readAll(all []picture, mine func(*picture) bool, a *files.Account) (*files.Part, error) {
	p := &files.Part{Dims: []int{s.channels, s.height, s.width}, White: 255}
	if s.deep {
		p.White = 0 // the number of bits in use is known only from the values
	}
	var read []picture
	var brightest float32 // of the pictures of more than 8 bits
	seen := map[string]int{}
	for i := range all {
		one := &all[i]
		if !mine(one) {
			continue
		}
		if s.deep && !one.deep {
			p.White = 65535 // pictures of 8 bits beside it use the whole range
		}
		from := len(p.Floats)
		content, err := one.content()
		if err == nil {
			err = s.appendTo(p, content)
		}
		if one.deep && len(p.Floats) > from {
			brightest = max(brightest, slices.Max(p.Floats[from:]))
		}
		if err != nil {
			if err := a.RefuseFile("unreadable-pictures", "pictures that cannot be decoded", one.name,
				files.Named(one.path(), err)); err != nil {
				return nil, err
			}
			continue
		}
		if err := p.AddLabel(one.class, seen); err != nil {
			return nil, files.Named(one.path(), err)
		}
		if one.part != "" && !strings.Contains(p.Name, one.part) {
			p.Name = strings.TrimPrefix(p.Name+"+"+one.part, "+")
		}
		read = append(read, *one)
	}
	if s.paged > 0 {
		a.Warn("pages", "", "%d pictures have several pages or frames, of which the first is read", s.paged)
		s.paged = 0
	}
	if len(read) == 0 {
		return nil, nil
	}
	if p.White == 65535 && 4*brightest < 65535 {
		return p, a.Refuse("mixed-depth", files.Error{Path: read[0].path(), Place: files.Whole,
			Err: fmt.Errorf("%w: beside pictures of 8 bits those of 16 go up to %g of 65535, and would be dark",
				files.ErrValue, brightest),
			Hint: "bring all pictures to one depth"})
	}
	p.Where = func(i int) files.Error { return files.Error{Path: read[i].path(), Place: files.Whole} }
	return p, nil
}

// HasPictures reports whether a folder has folders with pictures in them; with
// below, at any depth, else directly in them or in those of parts.
func HasPictures(tree *files.Tree, dir string, below bool) bool {
	l := &look{tree: tree, below: below, seen: map[string]bool{}}
	return l.at(dir, 0)
}

// look looks for pictures, once in every folder.
type look struct {
	tree  *files.Tree
	below bool
	seen  map[string]bool
}

func (l *look) at(dir string, depth int) bool {
	part := files.IsPartName(path.Base(dir))
	key := fmt.Sprint(part, depth == 0, l.tree.Real(dir))
	if l.seen[key] || depth > maxDepth {
		return false
	}
	l.seen[key] = true
	folders, loose, err := l.tree.List(dir, nil)
	if err != nil {
		return false
	}
	if depth > 0 {
		for _, f := range loose {
			if kind, err := l.tree.Sniff(f); err == nil && kind.IsPicture() {
				return true
			}
			if _, ext := files.Stem(f); slices.Contains(pictureEndings, ext) {
				return true
			}
		}
	}
	if depth > 0 && !l.below && !part {
		return false
	}
	return slices.ContainsFunc(folders, func(f string) bool { return l.at(f, depth+1) })
}

// Encoded reads encoded pictures from memory, such as those of a table: their
// class, name for messages, and content.
func Encoded(names, classes []string, contents [][]byte, opt Options, a *files.Account) (*files.Part, error) {
	all := make([]picture, len(contents))
	for i, content := range contents {
		f, err := readFacts(content)
		if err != nil {
			return nil, files.Named(names[i], err)
		}
		all[i] = picture{facts: f, name: names[i], class: classes[i], load: func() ([]byte, error) { return content, nil }}
	}
	set, err := opt.complete(all, a)
	if err != nil {
		return nil, err
	}
	return set.readAll(all, func(*picture) bool { return true }, a)
}
