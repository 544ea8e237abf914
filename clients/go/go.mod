module github.com/lockd/lockd/clients/go

go 1.25
