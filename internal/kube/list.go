package kube

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/kube/selector"
	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/tree"
)

// A selection is which objects a list, a watch or a deletion of several is about.
type selection struct {
	*operation
	labels selector.Labels
	fields selector.Fields
	only   string // the one name that the fields allow, or ""
}

// selection reads the selectors. If they are invalid, it answers and returns false.
func (o *operation) selection() (s selection, ok bool) {
	s.operation = o
	var refused *status.Status
	if s.labels, refused = selector.ParseLabels(o.query.Get("labelSelector")); !o.refuse(refused) {
		return s, false
	}
	if s.fields, refused = selector.ParseFields(o.resource, o.query.Get("fieldSelector")); !o.refuse(refused) {
		return s, false
	}
	s.only, _ = s.fields.Name()
	return s, true
}

// concerns reports whether a document may be selected, by what costs little.
func (s *selection) concerns(d *document.Document) bool {
	return d.Kind == kindOf(s.resource) && (s.namespace == "" || d.Namespace == s.namespace) && (s.only == "" || d.Name == s.only) &&
		s.May(access.Read, d.Subject)
}

// object returns a document that concerns the selection as an object, or nil if it is not selected.
func (s *selection) object(d *document.Document) map[string]any {
	if d == nil || !s.concerns(d) {
		return nil
	}
	object := objectOf(s.resource, d)
	if s.labels.Matches(tree.Map(object, "metadata", "labels")) && s.fields.Matches(object) {
		return object
	}
	return nil
}

// one calls f with the only object that can be selected, if there is one.
func (s *selection) one(objects *document.Table, f func(*document.Document, map[string]any) bool) {
	d := objects.Get(document.Key{Kind: kindOf(s.resource), Namespace: s.namespace, Name: s.only})
	if object := s.object(d); object != nil {
		f(d, object)
	}
}

// A cursor is where the next page of a list begins. Revision is that of the first page: a watch from there sees what
// changes between the pages.
type cursor struct {
	Revision  uint64 `json:"rv"`
	Namespace string `json:"ns"`
	Name      string `json:"name"`
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic("kube: encode a cursor: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func readCursor(text string) (c cursor, refused *status.Status) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return c, status.BadRequest("continue key is not valid: list from the start again")
	}
	return c, nil
}

// scan is how many documents are looked at together.
const scan = 500

// place is Whole for a request that reads up to limit objects (0: all), unless it reads few.
func (s *selection) place(limit int) (leave func(), ok bool) {
	page := limit > 0 && limit <= scan && s.labels.Empty() && s.fields.NameOnly()
	if page || s.only != "" && s.namespace != "" {
		return func() {}, true
	}
	return s.Whole()
}

// each calls f with the selected objects after a cursor until it returns false, at most limit (0: all). It returns the
// cursor of the next page, or nil.
func (s *selection) each(objects *document.Table, from cursor, limit int, f func(*document.Document, map[string]any) bool) (next *cursor) {
	after := document.Key{Kind: kindOf(s.resource), Namespace: from.Namespace, Name: from.Name}
	if s.only != "" && s.namespace != "" && from.Name == "" {
		s.one(objects, f)
		return nil
	}
	found := 0
	for more := true; more && s.Request().Context().Err() == nil; {
		var documents []*document.Document
		documents, more = objects.Page(after.Kind, s.namespace, after, scan, maxPageBytes)
		for _, d := range documents {
			if limit > 0 && found == limit {
				return &cursor{from.Revision, after.Namespace, after.Name}
			}
			after = d.Key
			object := s.object(d)
			if object == nil {
				continue
			}
			if found++; !f(d, object) {
				return nil
			}
		}
	}
	return nil
}

// maxPageBytes bounds what is looked at together.
const maxPageBytes = 16 << 20

// fresh returns this node's objects, at least as new as the resourceVersion of the request: without one, as new as the
// cluster's when the request arrived. If that fails, it answers and returns false.
func (o *operation) fresh() (*document.Table, uint64, bool) {
	least := uint64(0)
	if text := o.query.Get("resourceVersion"); text == "" {
		a, ok := o.Query(fsm.Query{Kind: fsm.QueryObject, Object: document.Key{Kind: kindOf(o.resource), Namespace: o.namespace}})
		if !ok {
			return nil, 0, false
		}
		least = a.Revision
	} else if n, refused := version(text); o.refuse(refused) {
		least = n
	} else {
		return nil, 0, false
	}
	ctx, cancel := o.Within()
	defer cancel()
	err := o.cfg.Objects.Reached(ctx, least)
	objects, revision := o.cfg.Objects.Objects()
	if err != nil {
		return nil, 0, o.refuse(status.ResourceVersionTooLarge(least, revision))
	}
	return objects, revision, true
}

func (o *operation) list() {
	if o.watches() {
		o.watch()
		return
	}
	s, ok := o.selection()
	if !ok {
		return
	}
	limit, err := strconv.Atoi(o.query.Get("limit"))
	if o.query.Has("limit") && o.query.Get("limit") != "" && err != nil || limit < 0 {
		Refuse(o, status.BadRequest("limit must be a number of objects"))
		return
	}
	from := cursor{}
	if token := o.query.Get("continue"); token != "" {
		var refused *status.Status
		if from, refused = readCursor(token); !o.refuse(refused) {
			return
		}
		o.query.Set("resourceVersion", strconv.FormatUint(from.Revision, 10))
	}
	objects, revision, ok := o.fresh()
	if !ok || !o.exact(revision) {
		return
	}
	if from.Revision == 0 {
		from.Revision = revision
	}
	list, refused := o.form.Encoder(o.resource, o.options)
	if !o.refuse(refused) {
		return
	}
	leave, ok := s.place(limit)
	if !ok {
		return
	}
	defer leave()
	next := s.each(objects, from, limit, func(_ *document.Document, object map[string]any) bool {
		list.Add(object)
		return true
	})
	meta := map[string]any{"resourceVersion": strconv.FormatUint(from.Revision, 10)}
	if next != nil {
		meta["continue"] = next.String()
	}
	send(o, http.StatusOK, list.List(meta))
}

// exact refuses a list of an exact version that is not the present one: earlier ones are not kept.
func (o *operation) exact(revision uint64) bool {
	want, refused := version(o.query.Get("resourceVersion"))
	if o.query.Get("resourceVersionMatch") == "Exact" && want != revision && refused == nil {
		refused = status.Expired("The resourceVersion for the provided list is too old.")
	}
	return o.refuse(refused)
}
